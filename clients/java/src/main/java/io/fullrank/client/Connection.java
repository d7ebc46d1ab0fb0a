package io.fullrank.client;

import io.fullrank.proto.ClosedConnections;
import io.fullrank.proto.v1.IngestServiceGrpc;
import io.fullrank.proto.v1.IngestServiceGrpc.IngestServiceStub;
import io.grpc.CallCredentials;
import io.grpc.ChannelCredentials;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.TlsChannelCredentials;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.Executor;

/**
 * Where the server is and how the connection to it is secured.
 *
 * @param server {@code HOST:PORT}, an IPv6 address in brackets; port 9001 if none is given
 * @param tls whether the connection is encrypted
 * @param authorities the certificates that sign the server's, PEM; empty for those that Java trusts
 * @param identity the caller's own certificate and its private key; empty for none
 * @param tokenFile holds the bearer token that says who the caller is; read for every call, so that
 *     it may be replaced while the program runs
 */
public record Connection(
    String server,
    boolean tls,
    Optional<Path> authorities,
    Optional<Identity> identity,
    Optional<Path> tokenFile) {

  private static final int DEFAULT_PORT = 9001;
  private static final Metadata.Key<String> AUTHORIZATION =
      Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);

  /**
   * A certificate and its key.
   *
   * @param certificate PEM
   * @param key PEM, PKCS#8
   */
  public record Identity(Path certificate, Path key) {}

  /**
   * Checks the settings.
   *
   * @throws IllegalArgumentException if the address cannot be one, a file cannot be read, or a
   *     token would travel in plain text
   */
  public Connection {
    if (!server.matches("(\\[[0-9a-fA-F:.]+]|[^\\[\\]:/\\s]+)(:[1-9][0-9]{0,4})?")) {
      throw new IllegalArgumentException(
          "server '%s' is not HOST:PORT, such as localhost:9001 or [::1]:9001".formatted(server));
    }
    if (!server.matches(".*:[0-9]+")) {
      server = server + ":" + DEFAULT_PORT;
    }
    authorities.ifPresent(file -> requireReadable("authorities", file));
    identity.ifPresent(own -> requireReadable("certificate", own.certificate()));
    identity.ifPresent(own -> requireReadable("key", own.key()));
    tokenFile.ifPresent(file -> requireReadable("token file", file));
    if (tokenFile.isPresent() && !tls) {
      throw new IllegalArgumentException(
          "a token must not travel in plain text; add withTls() or withAuthorities(file)");
    }
  }

  /** Returns a connection without TLS. */
  public static Connection to(String server) {
    return new Connection(server, false, Optional.empty(), Optional.empty(), Optional.empty());
  }

  /** Returns the connection with TLS. */
  public Connection withTls() {
    return new Connection(server, true, authorities, identity, tokenFile);
  }

  /** Returns the connection with TLS to a server whose certificate these have signed, PEM. */
  public Connection withAuthorities(Path file) {
    return new Connection(server, true, Optional.of(file), identity, tokenFile);
  }

  /** Returns the connection with TLS and a certificate that says who the caller is, PEM. */
  public Connection withCertificate(Path certificate, Path key) {
    return new Connection(
        server, true, authorities, Optional.of(new Identity(certificate, key)), tokenFile);
  }

  /** Returns the connection with a token that says who the caller is; call withTls() before it. */
  public Connection withTokenFile(Path file) {
    return new Connection(server, tls, authorities, identity, Optional.of(file));
  }

  /** Returns a channel that connects with its first call, to be shut down by the caller. */
  ManagedChannel channel() {
    try {
      return Grpc.newChannelBuilder("dns:///" + server, credentials())
          .intercept(new ClosedConnections())
          .build();
    } catch (IOException unreadable) {
      throw new IllegalArgumentException(
          "the connection's files cannot be read: " + unreadable.getMessage(), unreadable);
    }
  }

  /** Returns the calls over a channel of this connection. */
  IngestServiceStub calls(ManagedChannel channel) {
    IngestServiceStub calls = IngestServiceGrpc.newStub(channel);
    return tokenFile.map(file -> calls.withCallCredentials(new BearerToken(file))).orElse(calls);
  }

  private ChannelCredentials credentials() throws IOException {
    if (!tls) {
      return InsecureChannelCredentials.create();
    }
    TlsChannelCredentials.Builder credentials = TlsChannelCredentials.newBuilder();
    if (authorities.isPresent()) {
      credentials.trustManager(authorities.get().toFile());
    }
    if (identity.isPresent()) {
      credentials.keyManager(identity.get().certificate().toFile(), identity.get().key().toFile());
    }
    return credentials.build();
  }

  private static void requireReadable(String what, Path file) {
    if (!Files.isReadable(file)) {
      throw new IllegalArgumentException("%s %s: cannot be read".formatted(what, file));
    }
  }

  private static final class BearerToken extends CallCredentials {

    private final Path file;

    BearerToken(Path file) {
      this.file = file;
    }

    @Override
    public void applyRequestMetadata(RequestInfo call, Executor executor, MetadataApplier applier) {
      executor.execute(
          () -> {
            try {
              String token = Files.readString(file, StandardCharsets.US_ASCII).strip();
              Metadata headers = new Metadata();
              headers.put(AUTHORIZATION, "Bearer " + token);
              applier.apply(headers);
            } catch (IOException unreadable) {
              applier.fail(
                  Status.UNAUTHENTICATED.withDescription(
                      "token file %s: cannot be read".formatted(file)));
            }
          });
    }
  }
}
