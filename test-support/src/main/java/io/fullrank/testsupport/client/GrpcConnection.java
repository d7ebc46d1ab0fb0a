package io.fullrank.testsupport.client;

import io.grpc.ChannelCredentials;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import java.util.concurrent.TimeUnit;

/** A connection to a gRPC server of this machine; calls that still go on end with it. */
public record GrpcConnection(ManagedChannel channel) implements AutoCloseable {

  /** Connects without TLS. */
  public static GrpcConnection to(int port) {
    return new GrpcConnection(
        Grpc.newChannelBuilder("127.0.0.1:" + port, InsecureChannelCredentials.create()).build());
  }

  /** Connects by the name {@code localhost}, which certificates have. */
  public static GrpcConnection to(int port, ChannelCredentials credentials) {
    return new GrpcConnection(
        Grpc.newChannelBuilderForAddress("localhost", port, credentials).build());
  }

  @Override
  public void close() throws InterruptedException {
    channel.shutdownNow().awaitTermination(10, TimeUnit.SECONDS);
  }
}
