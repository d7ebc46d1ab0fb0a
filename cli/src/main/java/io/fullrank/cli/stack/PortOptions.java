package io.fullrank.cli.stack;

import io.fullrank.cli.failure.BadInputException;
import io.fullrank.cli.installation.Endpoint;
import io.fullrank.cli.installation.Ports;
import java.util.EnumMap;
import java.util.Map;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** The options that say where a stack listens: one for each endpoint, and one for all others. */
public final class PortOptions {

  private final Map<Endpoint, OptionSpec> options = new EnumMap<>(Endpoint.class);

  @Option(
      names = "--any-ports",
      description = "Take free ports wherever no other option says which.")
  private boolean any;

  @Spec
  private void declare(CommandSpec own) {
    for (Endpoint endpoint : Endpoint.values()) {
      OptionSpec option =
          OptionSpec.builder(endpoint.option())
              .type(Integer.class)
              .paramLabel("PORT")
              .description(
                  "Port for %s (default: %d).".formatted(endpoint.title(), endpoint.defaultPort()))
              .build();
      options.put(endpoint, option);
      own.addOption(option);
    }
  }

  /** Returns the ports for a stack that is to be started. */
  Ports toListenOn() {
    return any ? Ports.anyFreeExcept(given()) : Ports.defaultsExcept(given());
  }

  /**
   * Returns the ports of a stack that is there.
   *
   * @throws BadInputException if they are to be chosen, which only its starter can
   */
  public Ports toConnectTo() {
    if (any) {
      throw new BadInputException("--any-ports is for a stack that is started, not with --server");
    }
    return Ports.defaultsExcept(given());
  }

  private Map<Endpoint, Integer> given() {
    Map<Endpoint, Integer> given = new EnumMap<>(Endpoint.class);
    options.forEach(
        (endpoint, option) -> {
          Integer port = option.getValue();
          if (port != null) {
            given.put(endpoint, port);
          }
        });
    return given;
  }
}
