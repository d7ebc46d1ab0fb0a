package io.fullrank.cli.client;

import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/**
 * Where a server can be reached.
 *
 * @param host a name or an address; an IPv6 address in brackets
 * @param port 1 to 65535
 */
public record ServerAddress(String host, int port) {

  public ServerAddress {
    if (host.isEmpty() || port < 1 || port > 65535) {
      throw new IllegalArgumentException("no address: " + host + ":" + port);
    }
  }

  @Override
  public String toString() {
    return host + ":" + port;
  }

  /** Reads {@code HOST:PORT}. */
  public static final class Converter implements ITypeConverter<ServerAddress> {

    @Override
    public ServerAddress convert(String value) {
      int colon = value.lastIndexOf(':');
      String host = value.substring(0, Math.max(0, colon));
      try {
        boolean bare = host.indexOf(':') >= 0 && !(host.startsWith("[") && host.endsWith("]"));
        if (!bare) {
          return new ServerAddress(host, Integer.parseInt(value.substring(colon + 1)));
        }
      } catch (IllegalArgumentException unusable) {
        // Reported below, in the words of the command line.
      }
      throw new TypeConversionException(
          "'%s' is not HOST:PORT, such as localhost:9001 or [::1]:9001".formatted(value));
    }
  }
}
