package io.fullrank.cli.health;

import java.io.IOException;
import java.net.HttpURLConnection;
import java.net.URI;
import java.security.GeneralSecurityException;
import java.security.cert.X509Certificate;
import javax.net.ssl.HttpsURLConnection;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509TrustManager;

/**
 * Asks the service of this container whether it is ready. Like the readiness probe of Kubernetes,
 * it does not verify the service's certificate.
 */
public final class HealthCheck {

  private static final String TLS = "FULLRANK_TLS_CERTIFICATE_FILE";
  private static final String PORT = "FULLRANK_HTTP_PORT";
  private static final int TIMEOUT_MILLIS = 5000;

  private HealthCheck() {}

  /**
   * Ends with status 0 if the service is ready, with 1 if it is not.
   *
   * @param arguments the port of its HTTP where the environment names none
   */
  public static void main(String[] arguments) throws GeneralSecurityException {
    boolean tls = System.getenv(TLS) != null;
    String port = System.getenv().getOrDefault(PORT, arguments[0]);
    URI probe =
        URI.create(
            "%s://127.0.0.1:%d/q/health/ready"
                .formatted(tls ? "https" : "http", Integer.parseInt(port)));
    try {
      HttpURLConnection connection = (HttpURLConnection) probe.toURL().openConnection();
      if (connection instanceof HttpsURLConnection secured) {
        secured.setSSLSocketFactory(trustingAnybody().getSocketFactory());
        secured.setHostnameVerifier((host, session) -> true);
      }
      connection.setConnectTimeout(TIMEOUT_MILLIS);
      connection.setReadTimeout(TIMEOUT_MILLIS);
      int status = connection.getResponseCode();
      if (status != HttpURLConnection.HTTP_OK) {
        System.err.println(probe + " answers " + status);
        System.exit(1);
      }
    } catch (IOException unreachable) {
      System.err.println(probe + ": " + unreachable.getMessage());
      System.exit(1);
    }
  }

  // The loopback address needs no proof: the check sends no secret, and learns no more than yes or
  // no.
  private static SSLContext trustingAnybody() throws GeneralSecurityException {
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(null, new TrustManager[] {new Anybody()}, null);
    return context;
  }

  private static final class Anybody implements X509TrustManager {

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String authenticationType) {}

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String authenticationType) {}

    @Override
    public X509Certificate[] getAcceptedIssuers() {
      return new X509Certificate[0];
    }
  }
}
