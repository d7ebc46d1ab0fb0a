package io.fullrank.cli;

import io.fullrank.cli.installation.Endpoint;
import io.fullrank.cli.installation.Ports;
import io.fullrank.testsupport.FreePort;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/** Ports for stacks of tests that run side by side. */
public final class ReservedPorts {

  private ReservedPorts() {}

  /** Returns ports that no other test gets until the stack listens there. */
  public static Ports ofStack() {
    Map<Endpoint, Integer> numbers = new EnumMap<>(Endpoint.class);
    for (Endpoint endpoint : Endpoint.values()) {
      numbers.put(endpoint, FreePort.any());
    }
    return new Ports(numbers);
  }

  /** Returns such ports as options of the command line. */
  static List<String> asOptions() {
    List<String> options = new ArrayList<>();
    ofStack()
        .numbers()
        .forEach((endpoint, port) -> options.addAll(List.of(endpoint.option(), "" + port)));
    return options;
  }
}
