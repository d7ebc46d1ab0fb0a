package io.fullrank.proto;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.fullrank.proto.v1.ListRunsRequest;
import io.fullrank.proto.v1.MetricsServiceGrpc;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.nio.channels.ClosedChannelException;
import org.junit.jupiter.api.Test;

class ClosedConnectionsTest {

  /** A transport whose calls all end like this: the moment of a write cannot be hit at will. */
  private static final class EndingChannel extends Channel {

    private final Status end;

    EndingChannel(Status end) {
      this.end = end;
    }

    @Override
    public <Q, R> ClientCall<Q, R> newCall(MethodDescriptor<Q, R> method, CallOptions options) {
      return new ClientCall<>() {
        private Listener<R> listener;

        @Override
        public void start(Listener<R> told, Metadata headers) {
          listener = told;
        }

        @Override
        public void halfClose() {
          listener.onClose(end, new Metadata());
        }

        @Override
        public void request(int messages) {}

        @Override
        public void cancel(String message, Throwable cause) {}

        @Override
        public void sendMessage(Q message) {}
      };
    }

    @Override
    public String authority() {
      return "none";
    }
  }

  @Test
  void aCallWhoseConnectionWasClosedWhileItWroteIsToBeTriedAgain() {
    Status closed =
        Status.UNKNOWN.withDescription("channel closed").withCause(new ClosedChannelException());

    assertThat(seen(closed).getCode()).isEqualTo(Status.Code.UNAVAILABLE);
    assertThat(seen(closed).getDescription()).isEqualTo("the connection was closed");
  }

  @Test
  void whatAServerSaysIsNotChanged() {
    Status unknown = Status.UNKNOWN.withDescription("a fault of the server");
    Status refused = Status.INVALID_ARGUMENT.withDescription("run: no name");

    assertThat(seen(unknown)).usingRecursiveComparison().isEqualTo(unknown);
    assertThat(seen(refused)).usingRecursiveComparison().isEqualTo(refused);
  }

  private static Status seen(Status end) {
    return catchThrowableOfType(
            StatusRuntimeException.class,
            () ->
                MetricsServiceGrpc.newBlockingStub(new EndingChannel(end))
                    .withInterceptors(new ClosedConnections())
                    .listRuns(ListRunsRequest.getDefaultInstance()))
        .getStatus();
  }
}
