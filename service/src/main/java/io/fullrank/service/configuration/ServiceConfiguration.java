package io.fullrank.service.configuration;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;

/** Where a service listens and which callers it admits; docs/configuration.md lists the keys. */
@ConfigMapping(prefix = "fullrank")
public interface ServiceConfiguration {

  /** Returns the address to listen on. */
  String host();

  /** Returns whether the address may be another than loopback without TLS and authorisation. */
  @WithDefault("false")
  boolean allowInsecure();

  /** Returns how often files of certificates, keys and roles are read again. */
  @WithDefault("PT1M")
  Duration reloadInterval();

  /** Returns where gRPC clients are answered. */
  Grpc grpc();

  /** Returns where HTTP clients are answered. */
  Http http();

  /** Returns what secures both ports. */
  Tls tls();

  /** Returns which callers are admitted. */
  Authorization authorization();

  /** The keys that begin with {@code fullrank.grpc}. */
  interface Grpc {

    /** Returns the port. */
    int port();

    /** Returns how long a message of a client may be, in bytes. */
    @WithDefault("4194304")
    int maxMessageBytes();
  }

  /** The keys that begin with {@code fullrank.http}. */
  interface Http {

    /** Returns the port. */
    int port();
  }

  /** The keys that begin with {@code fullrank.tls}. */
  interface Tls {

    /** Returns the file of the service's certificate chain, PEM. */
    Optional<Path> certificateFile();

    /** Returns the file of its private key, PEM, PKCS#8. */
    Optional<Path> keyFile();

    /** Returns the file of the certificates that sign those of clients, PEM. */
    Optional<Path> caFile();
  }

  /** The keys that begin with {@code fullrank.authorization}. */
  interface Authorization {

    /** Returns the keys that sign tokens: a file, or the {@code https://} URL of a JWKS. */
    Optional<String> tokenKeys();

    /** Returns the file of the certificates that sign that of the server at that URL, PEM. */
    Optional<Path> tokenKeysCaFile();

    /** Returns the issuer that tokens must name. */
    Optional<String> tokenIssuer();

    /** Returns the audience that tokens must name. */
    Optional<String> tokenAudience();

    /** Returns the claim that names roles; dots lead into objects. */
    @WithDefault("roles")
    String rolesClaim();

    /** Returns the file that gives roles to subjects of certificates. */
    Optional<Path> certificateRolesFile();
  }
}
