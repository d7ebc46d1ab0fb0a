package io.fullrank.broker;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.spi.ToolProvider;

/**
 * The broker as a tool, {@code kafka-broker FOLDER HOST PORT ADVERTISED}, for programs whose
 * libraries are not the broker's: the two share nothing but types of the JDK.
 */
public final class BrokerTool implements ToolProvider {

  @Override
  public String name() {
    return "kafka-broker";
  }

  /**
   * Runs a broker until it stops, in order when this process is told to end.
   *
   * @param out gets one line when the broker answers clients
   * @param err gets one line if it cannot start
   * @param arguments see {@link BrokerSettings}: the folder, the host and the port that it listens
   *     on, and {@code host:port} at which clients reach it
   * @return 0, or 1 if it could not start
   */
  @Override
  public int run(PrintWriter out, PrintWriter err, String... arguments) {
    String advertised = arguments[3];
    BrokerSettings settings =
        new BrokerSettings(
            Path.of(arguments[0]), arguments[1], Integer.parseInt(arguments[2]), advertised);
    try (Broker broker = Broker.start(settings)) {
      broker.stopWithProcess();
      out.println("Kafka broker at " + advertised + "; Ctrl-C stops it.");
      out.flush();
      broker.awaitEnd();
      return 0;
    } catch (IOException failed) {
      err.println(failed.getMessage());
      return 1;
    }
  }
}
