package io.fullrank.service.security;

import io.fullrank.service.configuration.ServiceConfiguration;
import io.grpc.ChannelCredentials;
import io.grpc.TlsChannelCredentials;
import io.grpc.util.AdvancedTlsX509KeyManager;
import io.grpc.util.AdvancedTlsX509TrustManager;
import java.io.IOException;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.cert.CertificateParsingException;
import java.security.cert.X509Certificate;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509KeyManager;
import org.jboss.logging.Logger;

/**
 * The service's own certificate and the authorities that it trusts, from files that may be replaced
 * while it runs: new connections get what the files hold then.
 */
public final class TransportSecurity {

  static final String CERTIFICATE = "fullrank.tls.certificate-file";
  static final String KEY = "fullrank.tls.key-file";
  static final String CA = "fullrank.tls.ca-file";

  private static final Logger LOG = Logger.getLogger(TransportSecurity.class);
  private static final int DNS_NAME = 2;

  private final Path certificateFile;
  private final Path keyFile;
  private final Optional<Path> caFile;
  private final AdvancedTlsX509KeyManager identity = new AdvancedTlsX509KeyManager();
  private final AdvancedTlsX509TrustManager trusted;
  private volatile X509Certificate certificate;
  private volatile String name;

  private TransportSecurity(Path certificateFile, Path keyFile, Optional<Path> caFile) {
    this.certificateFile = certificateFile;
    this.keyFile = keyFile;
    this.caFile = caFile;
    try {
      trusted = AdvancedTlsX509TrustManager.newBuilder().build();
    } catch (GeneralSecurityException unavailable) {
      throw new IllegalStateException(unavailable);
    }
    read();
  }

  /**
   * Returns what the configuration asks for; empty if it asks for no TLS.
   *
   * @throws IllegalArgumentException naming the key that is missing or whose file cannot be used
   */
  public static Optional<TransportSecurity> of(ServiceConfiguration.Tls tls) {
    if (tls.certificateFile().isEmpty() && tls.keyFile().isEmpty()) {
      if (tls.caFile().isPresent()) {
        throw new IllegalArgumentException(
            "%s: is missing, but %s is given".formatted(CERTIFICATE, CA));
      }
      return Optional.empty();
    }
    return Optional.of(
        new TransportSecurity(
            tls.certificateFile().orElseThrow(() -> missing(CERTIFICATE, KEY)),
            tls.keyFile().orElseThrow(() -> missing(KEY, CERTIFICATE)),
            tls.caFile()));
  }

  private static IllegalArgumentException missing(String key, String other) {
    return new IllegalArgumentException("%s: is missing, but %s is given".formatted(key, other));
  }

  /**
   * Returns how a client of this service or of its other instances secures its calls: it shows the
   * service's own certificate, and trusts those of the same authority. A server's certificate has
   * to have the name that {@link #name()} returns.
   */
  ChannelCredentials clientCredentials() {
    return TlsChannelCredentials.newBuilder().keyManager(identity).trustManager(trusted).build();
  }

  /** Returns the first DNS name of the service's certificate, which all instances share. */
  String name() {
    return name;
  }

  /** Returns whether a client's certificate is one of this service itself. */
  boolean isOwn(X509Certificate other) {
    return dnsNames(other).contains(name);
  }

  X509KeyManager identity() {
    return identity;
  }

  /** Returns what judges the certificates of clients. */
  TrustManager clientTrust() {
    return new ClientTrust(trusted);
  }

  /** Reads the files again; what cannot be used leaves everything as it was. */
  void reload() {
    try {
      X509Certificate before = certificate;
      read();
      if (!before.equals(certificate)) {
        LOG.infof(
            "%s: %s was read again, valid until %s",
            CERTIFICATE, certificateFile, certificate.getNotAfter().toInstant());
      }
    } catch (IllegalArgumentException unusable) {
      LOG.warnf("%s; what was read before is still used", unusable.getMessage());
    }
  }

  private void read() {
    PemFile.Identity own = PemFile.identity(CERTIFICATE, certificateFile, KEY, keyFile);
    String firstName =
        dnsNames(own.chain()[0]).stream()
            .findFirst()
            .orElseThrow(
                () ->
                    PemFile.unusable(
                        CERTIFICATE,
                        certificateFile,
                        "names no host: it needs a DNS name among its subject alternative names",
                        null));
    // Without an authority the service trusts itself alone.
    X509Certificate[] authorities =
        caFile
            .map(file -> PemFile.certificates(CA, file))
            .orElseGet(() -> new X509Certificate[] {own.chain()[0]});
    try {
      identity.updateIdentityCredentials(own.chain(), own.key());
      trusted.updateTrustCredentials(authorities);
    } catch (IOException | GeneralSecurityException refused) {
      throw new IllegalArgumentException(
          "%s: %s".formatted(caFile.isPresent() ? CA : CERTIFICATE, refused.getMessage()), refused);
    }
    certificate = own.chain()[0];
    name = firstName;
  }

  private static List<String> dnsNames(X509Certificate certificate) {
    try {
      Collection<List<?>> names = certificate.getSubjectAlternativeNames();
      return names == null
          ? List.of()
          : names.stream()
              .filter(name -> name.get(0).equals(DNS_NAME))
              .map(name -> (String) name.get(1))
              .toList();
    } catch (CertificateParsingException malformed) {
      return List.of();
    }
  }
}
