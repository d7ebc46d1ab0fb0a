package io.fullrank.cli.client;

import io.fullrank.cli.failure.BadInputException;
import io.fullrank.proto.ClosedConnections;
import io.grpc.CallCredentials;
import io.grpc.ChannelCredentials;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannelBuilder;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.TlsChannelCredentials;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.Executor;
import picocli.CommandLine.Option;

/**
 * The options that say how the connection to services is secured, and what identifies the caller.
 */
public final class ConnectionOptions {

  private static final Metadata.Key<String> AUTHORIZATION =
      Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);

  @Option(
      names = "--tls",
      description = "Connect with TLS; --ca and --certificate mean it as well.")
  private boolean tls;

  @Option(
      names = "--ca",
      paramLabel = "FILE",
      description =
          "The certificates that sign the services', PEM (default: those that Java trusts).")
  private Path ca;

  @Option(
      names = "--certificate",
      paramLabel = "FILE",
      description = "Your own certificate, PEM; with --key.")
  private Path certificate;

  @Option(names = "--key", paramLabel = "FILE", description = "Its private key, PEM, PKCS#8.")
  private Path key;

  @Option(
      names = "--token-file",
      paramLabel = "FILE",
      description = "Holds the bearer token that says who you are; read for every call.")
  private Path tokenFile;

  /** Returns whether the command line says anything about a connection. */
  public boolean areGiven() {
    return tls || ca != null || certificate != null || key != null || tokenFile != null;
  }

  /**
   * Returns a builder of a channel.
   *
   * @throws BadInputException naming the option that is missing or whose file cannot be used
   */
  public ManagedChannelBuilder<?> channel(ServerAddress address) {
    return Grpc.newChannelBuilder("dns:///" + address, channelCredentials())
        .intercept(new ClosedConnections(), new PlainText());
  }

  /**
   * Returns the token that identifies the caller, if one is given.
   *
   * @throws BadInputException if the file cannot be read
   */
  Optional<CallCredentials> callCredentials() {
    if (tokenFile == null) {
      return Optional.empty();
    }
    readToken();
    return Optional.of(new BearerToken());
  }

  private ChannelCredentials channelCredentials() {
    if (!tls && ca == null && certificate == null && key == null) {
      if (tokenFile != null) {
        throw new BadInputException(
            "--token-file: a token must not travel in plain text; add --tls or --ca");
      }
      return InsecureChannelCredentials.create();
    }
    if ((certificate == null) != (key == null)) {
      throw new BadInputException(
          "%s is missing: --certificate and --key belong together"
              .formatted(certificate == null ? "--certificate" : "--key"));
    }
    TlsChannelCredentials.Builder credentials = TlsChannelCredentials.newBuilder();
    try {
      if (ca != null) {
        credentials.trustManager(readable("--ca", ca).toFile());
      }
      if (certificate != null) {
        credentials.keyManager(
            readable("--certificate", certificate).toFile(), readable("--key", key).toFile());
      }
    } catch (IOException unreadable) {
      throw new BadInputException(
          "the connection's files cannot be read: " + unreadable.getMessage(), unreadable);
    }
    return credentials.build();
  }

  private static Path readable(String option, Path file) {
    if (!Files.isReadable(file)) {
      throw new BadInputException("%s %s: cannot be read".formatted(option, file));
    }
    return file;
  }

  private String readToken() {
    try {
      return Files.readString(tokenFile, StandardCharsets.US_ASCII).strip();
    } catch (IOException unreadable) {
      throw new BadInputException(
          "--token-file %s: cannot be read".formatted(tokenFile), unreadable);
    }
  }

  /** A token that may be replaced in its file while the command runs. */
  private final class BearerToken extends CallCredentials {

    @Override
    public void applyRequestMetadata(RequestInfo call, Executor executor, MetadataApplier applier) {
      executor.execute(
          () -> {
            try {
              Metadata headers = new Metadata();
              headers.put(AUTHORIZATION, "Bearer " + readToken());
              applier.apply(headers);
            } catch (BadInputException unreadable) {
              applier.fail(Status.UNAUTHENTICATED.withDescription(unreadable.getMessage()));
            }
          });
    }
  }
}
