package io.fullrank.service.security;

import io.fullrank.proto.v1.Role;
import io.fullrank.service.configuration.ServiceConfiguration;
import io.grpc.Status;
import io.grpc.StatusException;
import java.security.cert.Certificate;
import java.security.cert.X509Certificate;
import java.util.EnumSet;
import java.util.Optional;
import java.util.Set;
import javax.net.ssl.SSLPeerUnverifiedException;
import javax.net.ssl.SSLSession;

/**
 * Finds the caller, by its bearer token or by the certificate of its connection, and says whether
 * it has the role that a call takes. A token is preferred to a certificate.
 */
public final class Authorization {

  private static final String BEARER = "bearer ";

  private final Optional<TokenKeys> tokenKeys;
  private final Optional<TokenVerifier> tokens;
  private final Optional<CertificateRoles> certificateRoles;
  private final Optional<TransportSecurity> transport;

  private Authorization(
      Optional<TokenKeys> tokenKeys,
      Optional<TokenVerifier> tokens,
      Optional<CertificateRoles> certificateRoles,
      Optional<TransportSecurity> transport) {
    this.tokenKeys = tokenKeys;
    this.tokens = tokens;
    this.certificateRoles = certificateRoles;
    this.transport = transport;
  }

  /**
   * Returns what the configuration asks for; empty if all callers are admitted.
   *
   * @throws IllegalArgumentException naming the key that is missing or cannot be used
   */
  public static Optional<Authorization> of(
      ServiceConfiguration configuration, Optional<TransportSecurity> transport) {
    ServiceConfiguration.Authorization keys = configuration.authorization();
    boolean byToken = keys.tokenKeys().isPresent();
    require(
        byToken
            || (keys.tokenIssuer().isEmpty()
                && keys.tokenAudience().isEmpty()
                && keys.tokenKeysCaFile().isEmpty()),
        "token-keys: is missing, but token-issuer, token-audience or token-keys-ca-file is given");
    require(
        !byToken || keys.tokenIssuer().isPresent(),
        "token-issuer: is missing, token-keys needs it: it says whose tokens count");
    require(
        !byToken || keys.tokenAudience().isPresent(),
        "token-audience: is missing, token-keys needs it: tokens for others must not count");
    require(
        keys.certificateRolesFile().isEmpty() || configuration.tls().caFile().isPresent(),
        "certificate-roles-file: needs fullrank.tls.ca-file, which signs clients' certificates");
    if (!byToken && keys.certificateRolesFile().isEmpty()) {
      return Optional.empty();
    }
    Optional<TokenKeys> tokenKeys =
        keys.tokenKeys().map(place -> new TokenKeys(place, keys.tokenKeysCaFile()));
    return Optional.of(
        new Authorization(
            tokenKeys,
            tokenKeys.map(
                known ->
                    new TokenVerifier(
                        known,
                        keys.tokenIssuer().orElseThrow(),
                        keys.tokenAudience().orElseThrow(),
                        keys.rolesClaim())),
            keys.certificateRolesFile().map(CertificateRoles::new),
            transport));
  }

  private static void require(boolean holds, String problem) {
    if (!holds) {
      throw new IllegalArgumentException("fullrank.authorization." + problem);
    }
  }

  /**
   * Returns the caller, if it has the role that the call takes.
   *
   * @param header the call's Authorization header, or null
   * @param session the connection's TLS session, or null
   * @throws StatusException UNAUTHENTICATED or PERMISSION_DENIED, with the reason
   */
  Caller require(Role required, String header, SSLSession session) throws StatusException {
    Caller caller = caller(header, session);
    if (!caller.is(required)) {
      throw Status.PERMISSION_DENIED
          .withDescription("%s is not %s".formatted(caller.name(), RoleName.of(required)))
          .asException();
    }
    return caller;
  }

  /** Reads the files and keys again, which may have changed. */
  void reload() {
    tokenKeys.ifPresent(TokenKeys::reload);
    certificateRoles.ifPresent(CertificateRoles::reload);
  }

  private Caller caller(String header, SSLSession session) throws StatusException {
    if (header != null && tokens.isPresent()) {
      if (!header.regionMatches(true, 0, BEARER, 0, BEARER.length())) {
        throw unauthenticated("the Authorization header holds no bearer token");
      }
      return tokens.get().verify(header.substring(BEARER.length()).strip());
    }
    Optional<X509Certificate> certificate = certificate(session);
    if (certificate.isEmpty()) {
      throw unauthenticated(
          tokens.isEmpty()
              ? "no client certificate was shown"
              : certificateRoles.isEmpty()
                  ? "no bearer token came with the call"
                  : "neither a bearer token nor a client certificate came with the call");
    }
    return caller(certificate.get());
  }

  private Caller caller(X509Certificate certificate) {
    Set<Role> roles = EnumSet.noneOf(Role.class);
    certificateRoles.ifPresent(
        known -> roles.addAll(known.of(certificate.getSubjectX500Principal())));
    if (transport.stream().anyMatch(own -> own.isOwn(certificate))) {
      roles.add(Role.ROLE_PEER);
    }
    return new Caller(certificate.getSubjectX500Principal().getName(), roles);
  }

  // The handshake has verified it.
  private static Optional<X509Certificate> certificate(SSLSession session) {
    if (session == null) {
      return Optional.empty();
    }
    try {
      Certificate[] chain = session.getPeerCertificates();
      return Optional.of((X509Certificate) chain[0]);
    } catch (SSLPeerUnverifiedException none) {
      return Optional.empty();
    }
  }

  private static StatusException unauthenticated(String why) {
    return Status.UNAUTHENTICATED.withDescription(why).asException();
  }
}
