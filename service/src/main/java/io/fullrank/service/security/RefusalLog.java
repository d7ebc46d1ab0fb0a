package io.fullrank.service.security;

import io.grpc.Grpc;
import io.grpc.Metadata;
import io.grpc.ServerStreamTracer;
import io.grpc.Status;
import java.net.SocketAddress;
import java.util.Set;
import org.jboss.logging.Logger;

/** Logs each gRPC call that is refused because of its caller or because it asks for too much. */
final class RefusalLog extends ServerStreamTracer.Factory {

  private static final Logger LOG = Logger.getLogger(RefusalLog.class);
  private static final Set<Status.Code> REFUSALS =
      Set.of(
          Status.Code.UNAUTHENTICATED,
          Status.Code.PERMISSION_DENIED,
          Status.Code.RESOURCE_EXHAUSTED);

  @Override
  public ServerStreamTracer newServerStreamTracer(String method, Metadata headers) {
    return new ServerStreamTracer() {
      private volatile SocketAddress client;

      @Override
      public void serverCallStarted(ServerCallInfo<?, ?> call) {
        client = call.getAttributes().get(Grpc.TRANSPORT_ATTR_REMOTE_ADDR);
      }

      @Override
      public void streamClosed(Status status) {
        if (REFUSALS.contains(status.getCode())) {
          LOG.warnf(
              "Refused %s from %s: %s, %s",
              method, client, status.getCode(), status.getDescription());
        }
      }
    };
  }
}
