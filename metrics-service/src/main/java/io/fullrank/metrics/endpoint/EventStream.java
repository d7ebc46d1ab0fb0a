package io.fullrank.metrics.endpoint;

import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Message;
import io.grpc.ClientCall;
import io.grpc.Metadata;
import io.grpc.Status;
import io.vertx.core.Context;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.ext.web.RoutingContext;

/**
 * The responses of a gRPC stream as server-sent events: their JSON mapping as the data, their
 * resume token as the id. {@code event: end} follows the last response; {@code event: failure} says
 * why no more will come; {@code event: heartbeat} tells a reader that the stream is alive while
 * there is no news.
 *
 * <p>The server is asked for the next response when the reader has taken the one before, so that a
 * slow reader misses states in between as a slow gRPC client does, and nothing queues here.
 */
final class EventStream<R extends Message> extends ClientCall.Listener<R> {

  static final String RESUME_TOKEN = "resume_token";

  private static final long HEARTBEAT_MILLIS = 5000;

  private final HttpServerResponse response;
  private final Vertx vertx;
  // All fields below are used on this event loop alone.
  private final Context eventLoop;
  private ClientCall<?, R> call;
  private long heartbeat;
  private boolean over;

  EventStream(RoutingContext routing) {
    response = routing.response();
    vertx = routing.vertx();
    eventLoop = vertx.getOrCreateContext();
  }

  /** Makes the call and passes on what comes, until either side ends it. */
  <Q> void start(ClientCall<Q, R> call, Q request) {
    this.call = call;
    heartbeat = vertx.setPeriodic(HEARTBEAT_MILLIS, unused -> beat());
    response.closeHandler(gone -> end());
    call.start(this, new Metadata());
    call.sendMessage(request);
    call.halfClose();
    call.request(1);
  }

  @Override
  public void onMessage(R message) {
    FieldDescriptor token = message.getDescriptorForType().findFieldByName(RESUME_TOKEN);
    String event = "id: %s\ndata: %s\n\n".formatted(message.getField(token), JsonApi.json(message));
    eventLoop.runOnContext(unused -> pass(event));
  }

  @Override
  public void onClose(Status status, Metadata trailers) {
    eventLoop.runOnContext(unused -> close(status));
  }

  private void pass(String event) {
    if (over) {
      return;
    }
    begin();
    response.write(event);
    if (response.writeQueueFull()) {
      response.drainHandler(
          taken -> {
            response.drainHandler(null);
            call.request(1);
          });
    } else {
      call.request(1);
    }
  }

  private void begin() {
    if (!response.headWritten()) {
      response
          .setChunked(true)
          .putHeader(HttpHeaders.CONTENT_TYPE, "text/event-stream")
          .putHeader(HttpHeaders.CACHE_CONTROL, "no-store");
    }
  }

  private void beat() {
    if (response.headWritten() && !response.writeQueueFull()) {
      response.write("event: heartbeat\ndata: {}\n\n");
    }
  }

  private void close(Status status) {
    if (over) {
      return;
    }
    end();
    if (status.isOk()) {
      begin();
      response.end("event: end\ndata: {}\n\n");
    } else if (response.headWritten()) {
      response.end("event: failure\ndata: %s\n\n".formatted(JsonApi.json(status)));
    } else {
      JsonApi.refuse(response, status);
    }
  }

  private void end() {
    if (!over) {
      over = true;
      vertx.cancelTimer(heartbeat);
      call.cancel("the reader is gone or has got everything", null);
    }
  }
}
