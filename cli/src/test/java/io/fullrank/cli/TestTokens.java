package io.fullrank.cli;

import java.security.KeyPair;
import java.util.List;
import org.jose4j.jws.AlgorithmIdentifiers;
import org.jose4j.jws.JsonWebSignature;
import org.jose4j.jwt.JwtClaims;
import org.jose4j.jwt.NumericDate;
import org.jose4j.lang.JoseException;

/** Signs bearer tokens as an identity provider would. */
record TestTokens(KeyPair keys, String keyId, String issuer, String audience, long validSeconds) {

  /** Returns a token of a caller with roles. */
  String of(String subject, String... roles) throws JoseException {
    JwtClaims claims = new JwtClaims();
    claims.setIssuer(issuer);
    claims.setAudience(audience);
    claims.setSubject(subject);
    claims.setStringListClaim("roles", List.of(roles));
    NumericDate end = NumericDate.now();
    end.addSeconds(validSeconds);
    claims.setExpirationTime(end);
    JsonWebSignature signature = new JsonWebSignature();
    signature.setPayload(claims.toJson());
    signature.setKeyIdHeaderValue(keyId);
    signature.setKey(keys.getPrivate());
    signature.setAlgorithmHeaderValue(AlgorithmIdentifiers.ECDSA_USING_P256_CURVE_AND_SHA256);
    return signature.getCompactSerialization();
  }

  TestTokens from(String otherIssuer) {
    return new TestTokens(keys, keyId, otherIssuer, audience, validSeconds);
  }

  TestTokens to(String otherAudience) {
    return new TestTokens(keys, keyId, issuer, otherAudience, validSeconds);
  }

  TestTokens validFor(long seconds) {
    return new TestTokens(keys, keyId, issuer, audience, seconds);
  }

  TestTokens signedWith(KeyPair other, String otherId) {
    return new TestTokens(other, otherId, issuer, audience, validSeconds);
  }
}
