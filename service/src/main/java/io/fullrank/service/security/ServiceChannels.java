package io.fullrank.service.security;

import io.fullrank.proto.ClosedConnections;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannelBuilder;
import jakarta.inject.Singleton;
import java.util.Optional;

/** How this service calls its own gRPC server and those of its other instances. */
@Singleton
public class ServiceChannels {

  // A page of runs of the largest experiments is far smaller.
  private static final int MESSAGE_LIMIT_BYTES = 64 << 20;

  private final Optional<TransportSecurity> transport;

  /** Prepares to create channels; nothing is connected yet. */
  public ServiceChannels(WireSecurity security) {
    transport = security.transport();
  }

  /**
   * Returns a builder of a channel. With TLS the server has to show a certificate with the same
   * name as this service's own, whatever address it is reached at: instances are known by their
   * addresses, which no certificate names.
   */
  public ManagedChannelBuilder<?> to(String host, int port) {
    ManagedChannelBuilder<?> channel =
        Grpc.newChannelBuilderForAddress(
            host,
            port,
            transport
                .map(TransportSecurity::clientCredentials)
                .orElseGet(InsecureChannelCredentials::create));
    transport.ifPresent(tls -> channel.overrideAuthority(tls.name()));
    return channel.maxInboundMessageSize(MESSAGE_LIMIT_BYTES).intercept(new ClosedConnections());
  }
}
