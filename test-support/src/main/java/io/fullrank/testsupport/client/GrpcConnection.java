package io.fullrank.testsupport.client;

import io.fullrank.proto.ClosedConnections;
import io.grpc.ChannelCredentials;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import java.util.concurrent.TimeUnit;

/** A connection to a gRPC server of this machine; calls that still go on end with it. */
public record GrpcConnection(ManagedChannel channel) implements AutoCloseable {

  /** Connects without TLS. */
  public static GrpcConnection to(int port) {
    return of(Grpc.newChannelBuilder("127.0.0.1:" + port, InsecureChannelCredentials.create()));
  }

  /** Connects by the name {@code localhost}, which certificates have. */
  public static GrpcConnection to(int port, ChannelCredentials credentials) {
    return of(Grpc.newChannelBuilderForAddress("localhost", port, credentials));
  }

  private static GrpcConnection of(ManagedChannelBuilder<?> channel) {
    return new GrpcConnection(channel.intercept(new ClosedConnections()).build());
  }

  @Override
  public void close() throws InterruptedException {
    channel.shutdownNow().awaitTermination(10, TimeUnit.SECONDS);
  }
}
