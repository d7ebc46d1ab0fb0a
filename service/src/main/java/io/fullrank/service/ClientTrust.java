package io.fullrank.service;

import java.net.Socket;
import java.security.cert.CertificateException;
import java.security.cert.X509Certificate;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.X509ExtendedTrustManager;
import org.jboss.logging.Logger;

/** Trusts whom another trust manager trusts, with one line in the log for each client refused. */
final class ClientTrust extends X509ExtendedTrustManager {

  private static final Logger LOG = Logger.getLogger(ClientTrust.class);

  private final X509ExtendedTrustManager trusted;

  ClientTrust(X509ExtendedTrustManager trusted) {
    this.trusted = trusted;
  }

  /** A check that may refuse. */
  private interface Check {
    void run() throws CertificateException;
  }

  private static void logged(X509Certificate[] chain, Check check) throws CertificateException {
    try {
      check.run();
    } catch (CertificateException refused) {
      String why =
          refused.getCause() == null ? refused.getMessage() : refused.getCause().getMessage();
      LOG.warnf(
          "Refused a connection: the client's certificate, of %s by %s, is not trusted: %s",
          chain[0].getSubjectX500Principal(), chain[0].getIssuerX500Principal(), why);
      throw refused;
    }
  }

  @Override
  public void checkClientTrusted(X509Certificate[] chain, String type, SSLEngine engine)
      throws CertificateException {
    logged(chain, () -> trusted.checkClientTrusted(chain, type, engine));
  }

  @Override
  public void checkClientTrusted(X509Certificate[] chain, String type, Socket socket)
      throws CertificateException {
    logged(chain, () -> trusted.checkClientTrusted(chain, type, socket));
  }

  @Override
  public void checkClientTrusted(X509Certificate[] chain, String type) throws CertificateException {
    logged(chain, () -> trusted.checkClientTrusted(chain, type));
  }

  @Override
  public void checkServerTrusted(X509Certificate[] chain, String type, SSLEngine engine)
      throws CertificateException {
    trusted.checkServerTrusted(chain, type, engine);
  }

  @Override
  public void checkServerTrusted(X509Certificate[] chain, String type, Socket socket)
      throws CertificateException {
    trusted.checkServerTrusted(chain, type, socket);
  }

  @Override
  public void checkServerTrusted(X509Certificate[] chain, String type) throws CertificateException {
    trusted.checkServerTrusted(chain, type);
  }

  @Override
  public X509Certificate[] getAcceptedIssuers() {
    return trusted.getAcceptedIssuers();
  }
}
