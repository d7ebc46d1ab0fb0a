package io.fullrank.cli.client;

import java.util.regex.Pattern;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/**
 * Where a server can be reached.
 *
 * @param host a name or an address; an IPv6 address in brackets
 * @param port 1 to 65535
 */
public record ServerAddress(String host, int port) {

  private static final Pattern HOST = Pattern.compile("[\\w.-]+|\\[[\\p{XDigit}:.]+(%\\w+)?]");

  public ServerAddress {
    if (!HOST.matcher(host).matches() || port < 1 || port > 65535) {
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
      try {
        return new ServerAddress(
            value.substring(0, Math.max(0, colon)), Integer.parseInt(value.substring(colon + 1)));
      } catch (IllegalArgumentException unusable) {
        // Reported below, in the words of the command line.
      }
      throw new TypeConversionException(
          "'%s' is not HOST:PORT, such as localhost:9001 or [::1]:9001".formatted(value));
    }
  }

  /** Reads {@code HOST}, where the ports have options of their own. */
  public static final class HostConverter implements ITypeConverter<String> {

    @Override
    public String convert(String value) {
      if (!HOST.matcher(value).matches()) {
        throw new TypeConversionException(
            "'%s' is not HOST, such as localhost or [::1]; the ports have options of their own"
                .formatted(value));
      }
      return value;
    }
  }

  /** Reads {@code PORT}. */
  public static final class PortConverter implements ITypeConverter<Integer> {

    @Override
    public Integer convert(String value) {
      try {
        int port = Integer.parseInt(value);
        if (port >= 1 && port <= 65535) {
          return port;
        }
      } catch (NumberFormatException unusable) {
        // Reported below, in the words of the command line.
      }
      throw new TypeConversionException(
          "'%s' is not a port, a number from 1 to 65535".formatted(value));
    }
  }
}
