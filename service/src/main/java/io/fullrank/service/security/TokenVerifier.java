package io.fullrank.service.security;

import io.fullrank.proto.v1.Role;
import io.grpc.Status;
import io.grpc.StatusException;
import java.util.Collection;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jose4j.jwa.AlgorithmConstraints;
import org.jose4j.jwa.AlgorithmConstraints.ConstraintType;
import org.jose4j.jws.AlgorithmIdentifiers;
import org.jose4j.jwt.JwtClaims;
import org.jose4j.jwt.consumer.ErrorCodes;
import org.jose4j.jwt.consumer.InvalidJwtException;
import org.jose4j.jwt.consumer.JwtConsumer;
import org.jose4j.jwt.consumer.JwtConsumerBuilder;

/**
 * Verifies bearer tokens: JSON Web Tokens (RFC 7519) with an asymmetric signature, an end, and the
 * issuer and audience that the configuration names.
 */
final class TokenVerifier {

  private static final int CLOCK_SKEW_SECONDS = 30;

  // The first error code that applies explains best what is wrong.
  private static final List<Map.Entry<Integer, String>> REASONS =
      List.of(
          Map.entry(ErrorCodes.SIGNATURE_INVALID, "is not signed by a known key"),
          Map.entry(ErrorCodes.SIGNATURE_MISSING, "is not signed"),
          Map.entry(ErrorCodes.EXPIRED, "has expired"),
          Map.entry(ErrorCodes.EXPIRATION_MISSING, "has no end (exp)"),
          Map.entry(ErrorCodes.NOT_YET_VALID, "is not valid yet"),
          Map.entry(ErrorCodes.ISSUER_INVALID, "is from another issuer (iss)"),
          Map.entry(ErrorCodes.ISSUER_MISSING, "names no issuer (iss)"),
          Map.entry(ErrorCodes.AUDIENCE_INVALID, "is for another audience (aud)"),
          Map.entry(ErrorCodes.AUDIENCE_MISSING, "names no audience (aud)"));

  private final TokenKeys keys;
  private final JwtConsumer consumer;
  private final List<String> rolesClaim;

  TokenVerifier(TokenKeys keys, String issuer, String audience, String rolesClaim) {
    this.keys = keys;
    this.rolesClaim = List.of(rolesClaim.split("\\."));
    this.consumer =
        new JwtConsumerBuilder()
            .setRequireExpirationTime()
            .setAllowedClockSkewInSeconds(CLOCK_SKEW_SECONDS)
            .setExpectedIssuer(issuer)
            .setExpectedAudience(audience)
            .setVerificationKeyResolver(keys)
            // Never a symmetric one: a public key must not pass for a secret.
            .setJwsAlgorithmConstraints(
                new AlgorithmConstraints(
                    ConstraintType.PERMIT,
                    AlgorithmIdentifiers.RSA_USING_SHA256,
                    AlgorithmIdentifiers.RSA_USING_SHA384,
                    AlgorithmIdentifiers.RSA_USING_SHA512,
                    AlgorithmIdentifiers.RSA_PSS_USING_SHA256,
                    AlgorithmIdentifiers.RSA_PSS_USING_SHA384,
                    AlgorithmIdentifiers.RSA_PSS_USING_SHA512,
                    AlgorithmIdentifiers.ECDSA_USING_P256_CURVE_AND_SHA256,
                    AlgorithmIdentifiers.ECDSA_USING_P384_CURVE_AND_SHA384,
                    AlgorithmIdentifiers.ECDSA_USING_P521_CURVE_AND_SHA512,
                    AlgorithmIdentifiers.EDDSA))
            .build();
  }

  /**
   * Returns the caller that a token belongs to.
   *
   * @throws StatusException UNAUTHENTICATED, with the reason but nothing of the token
   */
  Caller verify(String token) throws StatusException {
    if (!keys.areKnown()) {
      throw Status.UNAUTHENTICATED
          .withDescription("the keys that sign bearer tokens could not be read yet")
          .asException();
    }
    try {
      JwtClaims claims = consumer.processToClaims(token);
      Object subject = claims.getClaimValue("sub");
      return new Caller(
          subject == null ? "someone without a name" : subject.toString(), roles(claims));
    } catch (InvalidJwtException invalid) {
      String reason =
          REASONS.stream()
              .filter(known -> invalid.hasErrorCode(known.getKey()))
              .map(Map.Entry::getValue)
              .findFirst()
              .orElse("is no JSON Web Token that is signed by a known key");
      // The cause would show the token.
      throw Status.UNAUTHENTICATED.withDescription("the bearer token " + reason).asException();
    }
  }

  private Set<Role> roles(JwtClaims claims) {
    Object value = claims.getClaimsMap();
    for (String name : rolesClaim) {
      value = value instanceof Map<?, ?> object ? object.get(name) : null;
    }
    Collection<?> names =
        value instanceof Collection<?> several
            ? several
            : value instanceof String text ? List.of(text.split("\\s+")) : List.of();
    Set<Role> roles = EnumSet.noneOf(Role.class);
    names.forEach(name -> RoleName.parse(String.valueOf(name)).ifPresent(roles::add));
    return roles;
  }
}
