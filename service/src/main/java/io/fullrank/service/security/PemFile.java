package io.fullrank.service.security;

import io.grpc.util.CertificateUtils;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.Signature;
import java.security.cert.CertificateExpiredException;
import java.security.cert.CertificateNotYetValidException;
import java.security.cert.X509Certificate;

/**
 * Reads PEM files. What is wrong with one is an IllegalArgumentException that names the
 * configuration key and the file, and never shows what is in it.
 */
final class PemFile {

  private static final byte[] SAMPLE = "fullrank".getBytes(StandardCharsets.UTF_8);

  /** A certificate chain, with the own certificate first, and the private key of that. */
  record Identity(X509Certificate[] chain, PrivateKey key) {}

  private PemFile() {}

  /** Reads the text of a file. */
  static String text(String key, Path file) {
    try {
      return Files.readString(file, StandardCharsets.UTF_8);
    } catch (NoSuchFileException missing) {
      throw unusable(key, file, "does not exist", missing);
    } catch (IOException unreadable) {
      throw unusable(
          key, file, "cannot be read (%s)".formatted(unreadable.getMessage()), unreadable);
    }
  }

  /** Reads one or more certificates. */
  static X509Certificate[] certificates(String key, Path file) {
    try (InputStream pem = stream(text(key, file))) {
      X509Certificate[] certificates = CertificateUtils.getX509Certificates(pem);
      if (certificates.length == 0) {
        throw unusable(key, file, "holds no certificate in PEM", null);
      }
      return certificates;
    } catch (GeneralSecurityException | IOException malformed) {
      throw unusable(key, file, "is not a certificate in PEM", malformed);
    }
  }

  /** Reads a certificate that is valid now, and its key. */
  static Identity identity(
      String certificateKey, Path certificateFile, String keyKey, Path keyFile) {
    X509Certificate[] chain = certificates(certificateKey, certificateFile);
    try {
      chain[0].checkValidity();
    } catch (CertificateExpiredException | CertificateNotYetValidException notNow) {
      throw unusable(
          certificateKey,
          certificateFile,
          "is valid from %s to %s, not now"
              .formatted(chain[0].getNotBefore().toInstant(), chain[0].getNotAfter().toInstant()),
          notNow);
    }
    PrivateKey privateKey = privateKey(keyKey, keyFile);
    if (!belongTogether(privateKey, chain[0].getPublicKey())) {
      throw unusable(
          keyKey,
          keyFile,
          "is not the key of the certificate in %s (%s)".formatted(certificateFile, certificateKey),
          null);
    }
    return new Identity(chain, privateKey);
  }

  private static PrivateKey privateKey(String key, Path file) {
    String text = text(key, file);
    if (!text.contains("-----BEGIN PRIVATE KEY-----")) {
      throw unusable(
          key,
          file,
          text.contains("PRIVATE KEY-----")
              ? "is a private key, but not PKCS#8 without a password; convert it with"
                  + " 'openssl pkcs8 -topk8 -nocrypt'"
              : "holds no private key in PEM",
          null);
    }
    try (InputStream pem = stream(text)) {
      return CertificateUtils.getPrivateKey(pem);
    } catch (GeneralSecurityException | IOException malformed) {
      throw unusable(key, file, "holds no RSA or EC private key", malformed);
    }
  }

  private static boolean belongTogether(PrivateKey privateKey, PublicKey publicKey) {
    if (!privateKey.getAlgorithm().equals(publicKey.getAlgorithm())) {
      return false;
    }
    try {
      Signature signature =
          Signature.getInstance(
              privateKey.getAlgorithm().equals("EC") ? "SHA256withECDSA" : "SHA256withRSA");
      signature.initSign(privateKey);
      signature.update(SAMPLE);
      byte[] signed = signature.sign();
      signature.initVerify(publicKey);
      signature.update(SAMPLE);
      return signature.verify(signed);
    } catch (GeneralSecurityException differing) {
      // For example, the keys are on different curves.
      return false;
    }
  }

  private static InputStream stream(String text) {
    return new ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8));
  }

  static IllegalArgumentException unusable(String key, Path file, String why, Throwable cause) {
    return new IllegalArgumentException("%s: %s %s".formatted(key, file, why), cause);
  }
}
