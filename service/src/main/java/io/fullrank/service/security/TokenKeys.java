package io.fullrank.service.security;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Path;
import java.security.Key;
import java.security.PublicKey;
import java.security.spec.InvalidKeySpecException;
import java.util.List;
import java.util.Optional;
import org.jboss.logging.Logger;
import org.jose4j.http.Get;
import org.jose4j.jwk.HttpsJwks;
import org.jose4j.jwk.JsonWebKeySet;
import org.jose4j.jws.JsonWebSignature;
import org.jose4j.jwx.JsonWebStructure;
import org.jose4j.keys.EcKeyUtil;
import org.jose4j.keys.RsaKeyUtil;
import org.jose4j.keys.resolvers.JwksVerificationKeyResolver;
import org.jose4j.keys.resolvers.VerificationKeyResolver;
import org.jose4j.lang.JoseException;
import org.jose4j.lang.UnresolvableKeyException;

/**
 * The public keys that sign tokens: a file with one in PEM or with a JSON Web Key Set (RFC 7517),
 * or such a set at an {@code https://} URL. No call ever waits for the network.
 */
final class TokenKeys implements VerificationKeyResolver {

  static final String KEYS = "fullrank.authorization.token-keys";
  static final String CA = "fullrank.authorization.token-keys-ca-file";

  private static final Logger LOG = Logger.getLogger(TokenKeys.class);
  private static final String HTTPS = "https://";
  private static final int TIMEOUT_SECONDS = 5;

  private final String place;
  private final Optional<Path> caFile;
  // Empty until the keys have been read for the first time.
  private volatile Optional<VerificationKeyResolver> keys = Optional.empty();
  // Why the URL cannot be read; null while it can.
  private String outage;

  /**
   * Reads the keys; those at a URL come with the first {@link #reload()} that finds them.
   *
   * @param caFile signs the certificate of the server at the URL; without it, the authorities that
   *     Java trusts count
   * @throws IllegalArgumentException naming the key whose file cannot be used
   */
  TokenKeys(String place, Optional<Path> caFile) {
    this.place = place;
    this.caFile = caFile;
    if (place.contains("://") && !place.startsWith(HTTPS)) {
      throw new IllegalArgumentException(
          "%s: '%s' is neither a file nor an https:// URL".formatted(KEYS, place));
    }
    if (caFile.isPresent() && !place.startsWith(HTTPS)) {
      throw new IllegalArgumentException(
          "%s: is given, but %s is no https:// URL".formatted(CA, KEYS));
    }
    if (place.startsWith(HTTPS)) {
      caFile.ifPresent(file -> PemFile.certificates(CA, file));
      try {
        URI.create(place);
      } catch (IllegalArgumentException malformed) {
        throw new IllegalArgumentException(
            "%s: '%s' is not a URL".formatted(KEYS, place), malformed);
      }
    } else {
      keys = Optional.of(fromFile(Path.of(place)));
    }
  }

  /** Returns whether the keys have been read. */
  boolean areKnown() {
    return keys.isPresent();
  }

  /** Reads the keys again; what cannot be read leaves them as they were. */
  void reload() {
    if (place.startsWith(HTTPS)) {
      fetch();
      return;
    }
    try {
      keys = Optional.of(fromFile(Path.of(place)));
    } catch (IllegalArgumentException unusable) {
      LOG.warnf("%s; what was read before is still used", unusable.getMessage());
    }
  }

  @Override
  public Key resolveKey(JsonWebSignature signature, List<JsonWebStructure> nesting)
      throws UnresolvableKeyException {
    return keys.orElseThrow(() -> new UnresolvableKeyException("the keys have not been read yet"))
        .resolveKey(signature, nesting);
  }

  private void fetch() {
    try {
      Get get = new Get();
      get.setConnectTimeout(TIMEOUT_SECONDS * 1000);
      get.setReadTimeout(TIMEOUT_SECONDS * 1000);
      // The next reload asks again.
      get.setRetries(0);
      caFile.ifPresent(file -> get.setTrustedCertificates(PemFile.certificates(CA, file)));
      HttpsJwks published = new HttpsJwks(place);
      published.setSimpleHttpGet(get);
      keys = Optional.of(new JwksVerificationKeyResolver(published.getJsonWebKeys()));
      if (outage != null) {
        LOG.infof("%s: %s answers", KEYS, place);
      }
      outage = null;
    } catch (IOException | JoseException | IllegalArgumentException unavailable) {
      String why = String.valueOf(unavailable.getMessage());
      if (!why.equals(outage)) {
        LOG.warnf(
            "%s: %s cannot be read: %s; %s",
            KEYS,
            place,
            why,
            areKnown()
                ? "what was read before is still used"
                : "until it can, no token is accepted");
      }
      outage = why;
    }
  }

  private static VerificationKeyResolver fromFile(Path file) {
    String text = PemFile.text(KEYS, file).strip();
    if (text.startsWith("{")) {
      try {
        return new JwksVerificationKeyResolver(new JsonWebKeySet(text).getJsonWebKeys());
      } catch (JoseException malformed) {
        throw PemFile.unusable(KEYS, file, "is not a JSON Web Key Set", malformed);
      }
    }
    PublicKey key = publicKey(file, text);
    return (signature, nesting) -> key;
  }

  private static PublicKey publicKey(Path file, String text) {
    if (!text.contains("-----BEGIN PUBLIC KEY-----")) {
      throw PemFile.unusable(
          KEYS, file, "holds neither a public key in PEM nor a JSON Web Key Set", null);
    }
    try {
      return new RsaKeyUtil().fromPemEncoded(text);
    } catch (JoseException | InvalidKeySpecException notRsa) {
      try {
        return new EcKeyUtil().fromPemEncoded(text);
      } catch (JoseException | InvalidKeySpecException notEither) {
        throw PemFile.unusable(KEYS, file, "holds no RSA or EC public key", notEither);
      }
    }
  }
}
