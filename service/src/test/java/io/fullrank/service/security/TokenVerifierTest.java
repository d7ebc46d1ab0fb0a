package io.fullrank.service.security;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.fullrank.proto.v1.Role;
import io.grpc.StatusException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jose4j.jwa.AlgorithmConstraints;
import org.jose4j.jwk.JsonWebKey.OutputControlLevel;
import org.jose4j.jwk.JsonWebKeySet;
import org.jose4j.jwk.RsaJsonWebKey;
import org.jose4j.jwk.RsaJwkGenerator;
import org.jose4j.jws.AlgorithmIdentifiers;
import org.jose4j.jws.JsonWebSignature;
import org.jose4j.jwt.JwtClaims;
import org.jose4j.keys.HmacKey;
import org.jose4j.lang.JoseException;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TokenVerifierTest {

  @TempDir Path folder;

  private RsaJsonWebKey key;
  private Path keys;

  @BeforeEach
  void publish() throws Exception {
    key = newKey("first");
    keys = folder.resolve("jwks.json");
    write(key);
  }

  @Test
  void findsRolesWhereTheConfigurationSays() throws Exception {
    JwtClaims claims = claims();
    claims.setStringListClaim("roles", "reader", "cook", "admin");
    claims.setClaim("realm_access", Map.of("roles", List.of("submitter")));
    claims.setStringClaim("scope", "openid reader");

    assertThat(verifier("roles").verify(signed(claims)))
        .isEqualTo(new Caller("sam", Set.of(Role.ROLE_READER, Role.ROLE_ADMIN)));
    assertThat(verifier("realm_access.roles").verify(signed(claims)).roles())
        .containsExactly(Role.ROLE_SUBMITTER);
    assertThat(verifier("scope").verify(signed(claims)).roles()).containsExactly(Role.ROLE_READER);
    assertThat(verifier("absent.roles").verify(signed(claims)).roles()).isEmpty();
  }

  @Test
  void takesKeysThatCameLaterAndForgetsThoseThatWent() throws Exception {
    TokenKeys read = new TokenKeys(keys.toString(), Optional.empty());
    TokenVerifier verifier = new TokenVerifier(read, "issuer", "audience", "roles");
    String before = signed(claims());
    key = newKey("second");
    String after = signed(claims());
    write(key);

    assertThat(verifier.verify(before).name()).isEqualTo("sam");
    assertThatThrownBy(() -> verifier.verify(after)).isInstanceOf(StatusException.class);
    read.reload();
    assertThat(verifier.verify(after).name()).isEqualTo("sam");
    assertThatThrownBy(() -> verifier.verify(before))
        .hasMessageContaining("signed by a known key")
        .hasNoCause();

    Files.writeString(keys, "{ not json");
    read.reload();
    assertThat(verifier.verify(after).name()).isEqualTo("sam");
  }

  @Test
  void refusesTokensThatAnyoneCouldHaveMade() throws Exception {
    TokenVerifier verifier = verifier("roles");
    JsonWebSignature unsigned = new JsonWebSignature();
    unsigned.setPayload(claims().toJson());
    unsigned.setAlgorithmConstraints(AlgorithmConstraints.ALLOW_ONLY_NONE);
    unsigned.setAlgorithmHeaderValue(AlgorithmIdentifiers.NONE);
    assertThatThrownBy(() -> verifier.verify(unsigned.getCompactSerialization()))
        .hasMessageContaining("UNAUTHENTICATED");

    // With the public key as the secret of a symmetric signature.
    JsonWebSignature symmetric = new JsonWebSignature();
    symmetric.setPayload(claims().toJson());
    symmetric.setKeyIdHeaderValue("first");
    symmetric.setKey(new HmacKey(key.getPublicKey().getEncoded()));
    symmetric.setAlgorithmHeaderValue(AlgorithmIdentifiers.HMAC_SHA256);
    assertThatThrownBy(() -> verifier.verify(symmetric.getCompactSerialization()))
        .hasMessageContaining("UNAUTHENTICATED");

    JwtClaims endless = claims();
    endless.unsetClaim("exp");
    assertThatThrownBy(() -> verifier.verify(signed(endless))).hasMessageContaining("has no end");
  }

  private TokenVerifier verifier(String rolesClaim) {
    return new TokenVerifier(
        new TokenKeys(keys.toString(), Optional.empty()), "issuer", "audience", rolesClaim);
  }

  private static RsaJsonWebKey newKey(String id) throws JoseException {
    RsaJsonWebKey key = RsaJwkGenerator.generateJwk(2048);
    key.setKeyId(id);
    return key;
  }

  private void write(RsaJsonWebKey published) throws Exception {
    Files.writeString(keys, new JsonWebKeySet(published).toJson(OutputControlLevel.PUBLIC_ONLY));
  }

  private static JwtClaims claims() {
    JwtClaims claims = new JwtClaims();
    claims.setIssuer("issuer");
    claims.setAudience("audience");
    claims.setSubject("sam");
    claims.setExpirationTimeMinutesInTheFuture(5);
    return claims;
  }

  private String signed(JwtClaims claims) throws JoseException {
    JsonWebSignature signature = new JsonWebSignature();
    signature.setPayload(claims.toJson());
    signature.setKeyIdHeaderValue(key.getKeyId());
    signature.setKey(key.getPrivateKey());
    signature.setAlgorithmHeaderValue(AlgorithmIdentifiers.RSA_USING_SHA256);
    return signature.getCompactSerialization();
  }
}
