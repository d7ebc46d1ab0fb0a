package io.fullrank.service;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Path;
import java.security.Key;
import java.security.PublicKey;
import java.security.spec.InvalidKeySpecException;
import java.util.List;
import org.jboss.logging.Logger;
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

  private static final Logger LOG = Logger.getLogger(TokenKeys.class);
  private static final String HTTPS = "https://";

  private final String place;
  private volatile VerificationKeyResolver keys =
      (signature, nesting) -> {
        throw new UnresolvableKeyException("the keys have not been read yet");
      };
  private boolean away;

  /**
   * Reads the keys; those at a URL may come later.
   *
   * @throws IllegalArgumentException naming the key whose file cannot be used
   */
  TokenKeys(String place) {
    this.place = place;
    if (place.contains("://") && !place.startsWith(HTTPS)) {
      throw new IllegalArgumentException(
          "%s: '%s' is neither a file nor an https:// URL".formatted(KEYS, place));
    }
    if (place.startsWith(HTTPS)) {
      try {
        URI.create(place);
      } catch (IllegalArgumentException malformed) {
        throw new IllegalArgumentException(
            "%s: '%s' is not a URL".formatted(KEYS, place), malformed);
      }
    } else {
      keys = fromFile(Path.of(place));
    }
  }

  /** Reads the keys again; what cannot be read leaves them as they were. */
  void reload() {
    if (place.startsWith(HTTPS)) {
      fetch();
      return;
    }
    try {
      keys = fromFile(Path.of(place));
    } catch (IllegalArgumentException unusable) {
      LOG.warnf("%s; what was read before is still used", unusable.getMessage());
    }
  }

  @Override
  public Key resolveKey(JsonWebSignature signature, List<JsonWebStructure> nesting)
      throws UnresolvableKeyException {
    return keys.resolveKey(signature, nesting);
  }

  private void fetch() {
    try {
      keys = new JwksVerificationKeyResolver(new HttpsJwks(place).getJsonWebKeys());
      if (away) {
        LOG.infof("%s: %s answers", KEYS, place);
      }
      away = false;
    } catch (IOException | JoseException unavailable) {
      if (!away) {
        LOG.warnf(
            "%s: %s cannot be read: %s; what was read before is still used",
            KEYS, place, unavailable.getMessage());
      }
      away = true;
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
