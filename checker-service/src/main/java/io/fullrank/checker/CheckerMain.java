package io.fullrank.checker;

import io.fullrank.checker.configuration.CheckerConfiguration;
import io.fullrank.service.runtime.ServiceStart;
import io.quarkus.runtime.annotations.QuarkusMain;
import java.util.List;

/** Starts the service if its configuration can work: exit status 2 and one line if not. */
@QuarkusMain
public final class CheckerMain {

  private CheckerMain() {}

  /**
   * Starts the service.
   *
   * @param arguments none are used
   */
  public static void main(String... arguments) {
    ServiceStart.run(
        "fullrank-checker",
        List.of(CheckerConfiguration.class, CheckerConfiguration.Data.class),
        configuration -> configuration.getConfigMapping(CheckerConfiguration.class).requireUsable(),
        arguments);
  }
}
