package io.fullrank.cli.stack;

import java.io.IOException;
import java.net.HttpURLConnection;
import java.net.URI;

/** Whether services are ready, as they say themselves. */
public final class Readiness {

  private static final int LIMIT_MILLIS = 2000;

  private Readiness() {}

  /**
   * Asks a service, for two seconds at most.
   *
   * @param address {@code host:port} of its HTTP
   * @return whether it answers that it is ready
   */
  public static boolean of(String address) {
    URI probe = URI.create("http://%s/q/health/ready".formatted(address));
    try {
      HttpURLConnection connection = (HttpURLConnection) probe.toURL().openConnection();
      connection.setConnectTimeout(LIMIT_MILLIS);
      connection.setReadTimeout(LIMIT_MILLIS);
      try {
        return connection.getResponseCode() == HttpURLConnection.HTTP_OK;
      } finally {
        connection.disconnect();
      }
    } catch (IOException notNow) {
      return false;
    }
  }
}
