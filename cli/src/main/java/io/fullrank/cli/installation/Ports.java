package io.fullrank.cli.installation;

import io.fullrank.cli.failure.BadInputException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * The ports of a stack, all on the loopback address.
 *
 * @param numbers a port for every endpoint, 1 to 65535, no two the same
 */
public record Ports(Map<Endpoint, Integer> numbers) {

  /**
   * Checks that every endpoint has a port of its own.
   *
   * @throws BadInputException naming the options that disagree
   */
  public Ports {
    numbers = Map.copyOf(new EnumMap<>(numbers));
    Map<Integer, Endpoint> owners = new HashMap<>();
    for (Endpoint endpoint : Endpoint.values()) {
      Integer port = numbers.get(endpoint);
      if (port == null || port < 1 || port > 65535) {
        throw new BadInputException(
            "%s %s: a port is a number from 1 to 65535".formatted(endpoint.option(), port));
      }
      Endpoint other = owners.put(port, endpoint);
      if (other != null) {
        throw new BadInputException(
            "port %d is given to %s and to %s; change %s or %s"
                .formatted(
                    port, other.title(), endpoint.title(), other.option(), endpoint.option()));
      }
    }
  }

  /** Returns the default ports with some of them changed. */
  public static Ports defaultsExcept(Map<Endpoint, Integer> changes) {
    Map<Endpoint, Integer> numbers = new EnumMap<>(Endpoint.class);
    for (Endpoint endpoint : Endpoint.values()) {
      numbers.put(endpoint, changes.getOrDefault(endpoint, endpoint.defaultPort()));
    }
    return new Ports(numbers);
  }

  /**
   * Returns the given ports, and for all others ports that no program listens on at this moment.
   */
  public static Ports anyFreeExcept(Map<Endpoint, Integer> given) {
    Map<Endpoint, Integer> numbers = new EnumMap<>(Endpoint.class);
    numbers.putAll(given);
    // Held open together, so that no port is handed out twice.
    List<ServerSocket> held = new ArrayList<>();
    try {
      for (Endpoint endpoint : Endpoint.values()) {
        while (!numbers.containsKey(endpoint)) {
          ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
          held.add(socket);
          if (!numbers.containsValue(socket.getLocalPort())) {
            numbers.put(endpoint, socket.getLocalPort());
          }
        }
      }
      for (ServerSocket socket : held) {
        socket.close();
      }
    } catch (IOException failed) {
      throw new UncheckedIOException("no free port was found", failed);
    }
    return new Ports(numbers);
  }

  /** Returns the port of an endpoint. */
  public int of(Endpoint endpoint) {
    return numbers.get(endpoint);
  }

  /** Returns {@code 127.0.0.1:port} of an endpoint. */
  public String address(Endpoint endpoint) {
    return "127.0.0.1:" + of(endpoint);
  }

  /**
   * Checks that no program listens on any of the ports.
   *
   * @throws BadInputException naming those that are taken and the options that choose others
   */
  public void requireFree() {
    List<Endpoint> taken = new ArrayList<>();
    for (Endpoint endpoint : Endpoint.values()) {
      try (ServerSocket socket =
          new ServerSocket(of(endpoint), 1, InetAddress.getByName("127.0.0.1"))) {
        assert socket.isBound();
      } catch (IOException inUse) {
        taken.add(endpoint);
      }
    }
    if (taken.size() == 1) {
      Endpoint endpoint = taken.get(0);
      throw new BadInputException(
          "port %d (%s) is taken; choose another with %s, or let --any-ports choose"
              .formatted(of(endpoint), endpoint.title(), endpoint.option()));
    }
    if (!taken.isEmpty()) {
      throw new BadInputException(
          "ports %s are taken; choose others with %s, or let --any-ports choose"
              .formatted(
                  taken.stream()
                      .map(endpoint -> "%d (%s)".formatted(of(endpoint), endpoint.title()))
                      .collect(Collectors.joining(", ")),
                  taken.stream().map(Endpoint::option).collect(Collectors.joining(", "))));
    }
  }
}
