package io.fullrank.metrics.endpoint;

import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.util.JsonFormat;
import io.fullrank.proto.v1.MetricsServiceGrpc;
import io.fullrank.service.security.ServiceChannels;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientInterceptors;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.MethodDescriptor.PrototypeMarshaller;
import io.grpc.Status;
import io.grpc.StatusException;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.MetadataUtils;
import io.grpc.stub.StreamObserver;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import jakarta.annotation.PreDestroy;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Singleton;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.eclipse.microprofile.config.inject.ConfigProperty;

/**
 * The calls of {@code MetricsService} that read, for browsers: each is a GET whose path and query
 * parameters are fields of the call's request, and whose answer is the response in protobuf's JSON
 * mapping. Streams are server-sent events, see {@link EventStream}. It is a client of the gRPC
 * server like any other, and knows no more.
 *
 * <p>What the server refuses comes with the HTTP status that belongs to the gRPC status, and {@code
 * {"code": ..., "message": ...}}.
 */
@Singleton
public final class JsonApi {

  // A page does not wait longer for an answer.
  private static final long ANSWER_LIMIT_SECONDS = 20;

  private static final Map<Status.Code, Integer> HTTP_STATUS =
      Map.of(
          Status.Code.INVALID_ARGUMENT, 400,
          Status.Code.OUT_OF_RANGE, 400,
          Status.Code.FAILED_PRECONDITION, 400,
          Status.Code.UNAUTHENTICATED, 401,
          Status.Code.PERMISSION_DENIED, 403,
          Status.Code.NOT_FOUND, 404,
          Status.Code.RESOURCE_EXHAUSTED, 429,
          Status.Code.UNIMPLEMENTED, 501,
          Status.Code.UNAVAILABLE, 503,
          Status.Code.DEADLINE_EXCEEDED, 504);

  private static final Metadata.Key<String> AUTHORIZATION =
      Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);

  private static final JsonFormat.Printer JSON =
      JsonFormat.printer().alwaysPrintFieldsWithNoPresence().omittingInsignificantWhitespace();

  private final ManagedChannel service;

  /**
   * Creates the interface.
   *
   * @param service how to connect
   * @param host where the gRPC server is
   * @param port its port
   */
  public JsonApi(
      ServiceChannels service,
      @ConfigProperty(name = "page.grpc.host") String host,
      @ConfigProperty(name = "page.grpc.port") int port) {
    this.service = service.to(host, port).build();
  }

  @PreDestroy
  void close() {
    service.shutdownNow();
  }

  // The gRPC server judges bearer tokens; client certificates have been judged by the HTTP server.
  private Channel as(RoutingContext asking) {
    String authorization = asking.request().getHeader(HttpHeaders.AUTHORIZATION);
    if (authorization == null) {
      return service;
    }
    Metadata headers = new Metadata();
    headers.put(AUTHORIZATION, authorization);
    return ClientInterceptors.intercept(
        service, MetadataUtils.newAttachHeadersInterceptor(headers));
  }

  void addTo(@Observes Router router) {
    answer(router, "/api/v1/experiments", MetricsServiceGrpc.getListExperimentsMethod());
    answer(
        router,
        "/api/v1/experiments/:experiment/comparison",
        MetricsServiceGrpc.getCompareGeneralizationMethod());
    answer(
        router,
        "/api/v1/experiments/:experiment/test-errors",
        MetricsServiceGrpc.getCompareTestErrorsMethod());
    answer(router, "/api/v1/attention", MetricsServiceGrpc.getListAttentionMethod());
    answer(router, "/api/v1/runs", MetricsServiceGrpc.getListRunsMethod());
    answer(router, "/api/v1/runs/:run", MetricsServiceGrpc.getGetRunMethod());
    answer(router, "/api/v1/runs/:run/progress", MetricsServiceGrpc.getListProgressMethod());
    answer(router, "/api/v1/runs/:run/verdicts", MetricsServiceGrpc.getListVerdictsMethod());
    stream(
        router,
        "/api/v1/experiments/:experiment/events",
        MetricsServiceGrpc.getWatchExperimentMethod());
    stream(router, "/api/v1/runs/:run/events", MetricsServiceGrpc.getWatchRunMethod());
  }

  private <Q extends Message, R extends Message> void answer(
      Router router, String path, MethodDescriptor<Q, R> method) {
    router
        .get(path)
        .handler(
            routing -> {
              HttpServerResponse response = routing.response();
              try {
                Q request = request(method, parameters(routing));
                CallOptions options =
                    CallOptions.DEFAULT.withDeadlineAfter(ANSWER_LIMIT_SECONDS, TimeUnit.SECONDS);
                ClientCalls.asyncUnaryCall(
                    as(routing).newCall(method, options), request, new Answer<>(response));
              } catch (StatusException invalid) {
                refuse(response, invalid.getStatus());
              }
            });
  }

  private <Q extends Message, R extends Message> void stream(
      Router router, String path, MethodDescriptor<Q, R> method) {
    router
        .get(path)
        .handler(
            routing -> {
              JsonObject parameters = parameters(routing);
              // A browser that has lost the stream names the last event that it received.
              String last = routing.request().getHeader("Last-Event-ID");
              if (last != null) {
                parameters.put(EventStream.RESUME_TOKEN, new JsonArray().add(last));
              }
              try {
                new EventStream<R>(routing)
                    .start(
                        as(routing).newCall(method, CallOptions.DEFAULT),
                        request(method, parameters));
              } catch (StatusException invalid) {
                refuse(routing.response(), invalid.getStatus());
              }
            });
  }

  /** Returns the values of each parameter; those of the path go before those of the query. */
  private static JsonObject parameters(RoutingContext routing) {
    JsonObject parameters = new JsonObject();
    for (String name : routing.queryParams().names()) {
      parameters.put(name, new JsonArray(routing.queryParam(name)));
    }
    routing.pathParams().forEach((name, value) -> parameters.put(name, new JsonArray().add(value)));
    return parameters;
  }

  private static <Q extends Message> Q request(MethodDescriptor<Q, ?> method, JsonObject parameters)
      throws StatusException {
    PrototypeMarshaller<Q> marshaller = (PrototypeMarshaller<Q>) method.getRequestMarshaller();
    Q prototype = marshaller.getMessagePrototype();
    Message.Builder request = prototype.newBuilderForType();
    for (String name : parameters.fieldNames()) {
      set(request, name, parameters.getJsonArray(name));
    }
    @SuppressWarnings("unchecked")
    Q built = (Q) request.build();
    return built;
  }

  private static void set(Message.Builder request, String name, JsonArray values)
      throws StatusException {
    List<FieldDescriptor> fields = request.getDescriptorForType().getFields();
    FieldDescriptor field =
        fields.stream()
            .filter(candidate -> candidate.getName().equals(name))
            .findFirst()
            .orElseThrow(
                () ->
                    invalid(
                        name,
                        "no such parameter, there are "
                            + fields.stream()
                                .map(FieldDescriptor::getName)
                                .collect(Collectors.joining(", "))));
    if (!field.isRepeated() && values.size() > 1) {
      throw invalid(name, "is given %d times".formatted(values.size()));
    }
    Object value = field.isRepeated() ? values : values.getValue(0);
    try {
      JsonFormat.parser().merge(new JsonObject().put(name, value).encode(), request);
    } catch (InvalidProtocolBufferException notOfItsType) {
      throw invalid(name, notOfItsType.getMessage());
    }
  }

  private static StatusException invalid(String parameter, String why) {
    return Status.INVALID_ARGUMENT
        .withDescription("%s: %s".formatted(parameter, why))
        .asException();
  }

  /** Returns a message in the JSON mapping, fields with their default values included. */
  static String json(Message message) {
    try {
      return JSON.print(message);
    } catch (InvalidProtocolBufferException anyOfUnknownType) {
      throw new IllegalArgumentException(anyOfUnknownType);
    }
  }

  /** Returns the body of the response to a call that was refused. */
  static String json(Status refused) {
    return new JsonObject()
        .put("code", refused.getCode().name())
        .put("message", String.valueOf(refused.getDescription()))
        .encode();
  }

  /** Ends a response whose head has not been sent. */
  static void refuse(HttpServerResponse response, Status refused) {
    response
        .setStatusCode(HTTP_STATUS.getOrDefault(refused.getCode(), 500))
        .putHeader(HttpHeaders.CONTENT_TYPE, "application/json")
        .end(json(refused));
  }

  /** Passes the one response of a call on. */
  private record Answer<R extends Message>(HttpServerResponse response)
      implements StreamObserver<R> {

    @Override
    public void onNext(R message) {
      response.putHeader(HttpHeaders.CONTENT_TYPE, "application/json").end(json(message));
    }

    @Override
    public void onError(Throwable failed) {
      refuse(response, Status.fromThrowable(failed));
    }

    @Override
    public void onCompleted() {
      // The response has ended with its only message.
    }
  }
}
