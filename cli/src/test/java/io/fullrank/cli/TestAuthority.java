package io.fullrank.cli;

import java.io.IOException;
import java.io.StringWriter;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.Certificate;
import java.security.cert.X509Certificate;
import java.security.spec.ECGenParameterSpec;
import java.time.Duration;
import java.time.Instant;
import java.util.Date;
import java.util.concurrent.atomic.AtomicLong;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import javax.security.auth.x500.X500Principal;
import org.bouncycastle.asn1.x509.BasicConstraints;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.GeneralName;
import org.bouncycastle.asn1.x509.GeneralNames;
import org.bouncycastle.cert.CertIOException;
import org.bouncycastle.cert.X509v3CertificateBuilder;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.openssl.PKCS8Generator;
import org.bouncycastle.openssl.jcajce.JcaPEMWriter;
import org.bouncycastle.openssl.jcajce.JcaPKCS8Generator;
import org.bouncycastle.operator.OperatorCreationException;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;

/** An authority that signs certificates for tests; all keys are on the curve P-256. */
final class TestAuthority {

  /** A certificate and its key, in PEM files. */
  record Issued(Path certificate, Path key, X509Certificate x509, PrivateKey privateKey) {}

  private final X500Principal name;
  private final KeyPair keys = newKeys();
  private final AtomicLong serial = new AtomicLong(System.nanoTime());
  private final Path certificate;
  private final X509Certificate x509;

  TestAuthority(Path folder, String name) throws Exception {
    this.name = new X500Principal("CN=" + name);
    this.certificate = folder.resolve(name + ".crt");
    X509v3CertificateBuilder own =
        builder(this.name, keys, Instant.now().minusSeconds(60), Duration.ofDays(1));
    own.addExtension(Extension.basicConstraints, true, new BasicConstraints(true));
    x509 = signed(own);
    write(certificate, x509);
  }

  /** Returns TLS that trusts this authority alone, and shows a certificate unless it is null. */
  SSLContext context(Issued shown) throws GeneralSecurityException, IOException {
    KeyStore trusted = emptyKeyStore();
    trusted.setCertificateEntry("authority", x509);
    TrustManagerFactory trust =
        TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    trust.init(trusted);
    KeyManagerFactory keyManagers =
        KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
    KeyStore own = emptyKeyStore();
    if (shown != null) {
      own.setKeyEntry("own", shown.privateKey(), new char[0], new Certificate[] {shown.x509()});
    }
    keyManagers.init(own, new char[0]);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(keyManagers.getKeyManagers(), trust.getTrustManagers(), null);
    return context;
  }

  private static KeyStore emptyKeyStore() throws GeneralSecurityException, IOException {
    KeyStore store = KeyStore.getInstance("PKCS12");
    store.load(null, null);
    return store;
  }

  /** Returns the file of the authority's own certificate. */
  Path certificate() {
    return certificate;
  }

  /** Signs a certificate that is valid now for this machine's loopback addresses. */
  Issued issue(Path folder, String file, String subject) throws Exception {
    return issue(folder, file, subject, Instant.now().minusSeconds(60));
  }

  /** Signs a certificate that is valid for an hour from an instant on. */
  Issued issue(Path folder, String file, String subject, Instant from) throws Exception {
    return write(folder, file, subject, from, new GeneralName(GeneralName.dNSName, "localhost"));
  }

  /** Signs a certificate of a client that has no host name. */
  Issued issueToClient(Path folder, String file, String subject, Instant from) throws Exception {
    return write(
        folder, file, subject, from, new GeneralName(GeneralName.rfc822Name, "a@example.org"));
  }

  static KeyPair newKeys() throws GeneralSecurityException {
    KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
    generator.initialize(new ECGenParameterSpec("secp256r1"));
    return generator.generateKeyPair();
  }

  static void write(Path file, Object content) throws IOException {
    StringWriter text = new StringWriter();
    try (JcaPEMWriter pem = new JcaPEMWriter(text)) {
      pem.writeObject(content);
    }
    Files.writeString(file, text.toString());
  }

  static PKCS8Generator pkcs8(PrivateKey key) throws IOException {
    return new JcaPKCS8Generator(key, null);
  }

  private Issued write(
      Path folder, String file, String subject, Instant from, GeneralName alternative)
      throws Exception {
    KeyPair owned = newKeys();
    X509v3CertificateBuilder request =
        builder(new X500Principal(subject), owned, from, Duration.ofHours(1));
    request.addExtension(
        Extension.subjectAlternativeName,
        false,
        new GeneralNames(
            new GeneralName[] {alternative, new GeneralName(GeneralName.iPAddress, "127.0.0.1")}));
    Issued issued =
        new Issued(
            folder.resolve(file + ".crt"),
            folder.resolve(file + ".key"),
            signed(request),
            owned.getPrivate());
    write(issued.key(), pkcs8(owned.getPrivate()));
    write(issued.certificate(), issued.x509());
    return issued;
  }

  private X509v3CertificateBuilder builder(
      X500Principal subject, KeyPair owner, Instant from, Duration validity)
      throws CertIOException {
    return new JcaX509v3CertificateBuilder(
        name,
        BigInteger.valueOf(serial.incrementAndGet()),
        Date.from(from),
        Date.from(from.plus(validity)),
        subject,
        owner.getPublic());
  }

  private X509Certificate signed(X509v3CertificateBuilder request)
      throws OperatorCreationException, GeneralSecurityException {
    return new JcaX509CertificateConverter()
        .getCertificate(
            request.build(new JcaContentSignerBuilder("SHA256withECDSA").build(keys.getPrivate())));
  }
}
