package io.fullrank.cli;

import com.google.protobuf.Message;
import io.fullrank.testsupport.client.GrpcConnection;
import io.fullrank.testsupport.process.PackagedService;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ChannelCredentials;
import io.grpc.ClientInterceptors;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.MethodDescriptor.MethodType;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.MetadataUtils;
import io.grpc.stub.StreamObserver;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/**
 * A connection of its own for each call, so that no refusal is another's. Messages are as they are
 * on the wire: some calls are not in this room's contract.
 */
final class WireClient implements AutoCloseable {

  private static final int LIMIT_SECONDS = 60;

  private final GrpcConnection connection;

  private WireClient(PackagedService service, ChannelCredentials credentials) {
    connection = GrpcConnection.to(service.grpcPort(), credentials);
  }

  /** Calls a method with one request; the authorisation may be null. */
  static byte[] call(
      PackagedService service,
      ChannelCredentials credentials,
      String method,
      String authorization,
      byte[] request)
      throws InterruptedException {
    try (WireClient client = new WireClient(service, credentials)) {
      return ClientCalls.blockingUnaryCall(
          client.authorized(authorization),
          method(method, MethodType.UNARY),
          CallOptions.DEFAULT.withDeadlineAfter(LIMIT_SECONDS, TimeUnit.SECONDS),
          request);
    }
  }

  /** Calls a method with a stream of requests that is answered by a stream; returns all answers. */
  static List<byte[]> exchange(
      PackagedService service,
      ChannelCredentials credentials,
      String method,
      String authorization,
      List<? extends Message> requests)
      throws Exception {
    try (WireClient client = new WireClient(service, credentials)) {
      return client.answers(method(method, MethodType.BIDI_STREAMING), authorization, requests);
    }
  }

  /** Calls a method with a stream of requests. */
  static byte[] stream(
      PackagedService service,
      ChannelCredentials credentials,
      String method,
      String authorization,
      List<? extends Message> requests)
      throws Exception {
    try (WireClient client = new WireClient(service, credentials)) {
      return client
          .answers(method(method, MethodType.CLIENT_STREAMING), authorization, requests)
          .get(0);
    }
  }

  private List<byte[]> answers(
      MethodDescriptor<byte[], byte[]> method,
      String authorization,
      List<? extends Message> requests)
      throws Exception {
    List<byte[]> answers = new ArrayList<>();
    var end = new CompletableFuture<List<byte[]>>();
    StreamObserver<byte[]> sending =
        ClientCalls.asyncBidiStreamingCall(
            authorized(authorization).newCall(method, CallOptions.DEFAULT),
            new StreamObserver<>() {
              @Override
              public void onNext(byte[] response) {
                answers.add(response);
              }

              @Override
              public void onError(Throwable failed) {
                end.completeExceptionally(failed);
              }

              @Override
              public void onCompleted() {
                end.complete(answers);
              }
            });
    requests.forEach(request -> sending.onNext(request.toByteArray()));
    sending.onCompleted();
    return end.get(LIMIT_SECONDS, TimeUnit.SECONDS);
  }

  @Override
  public void close() throws InterruptedException {
    connection.close();
  }

  private Channel authorized(String authorization) {
    Metadata headers = new Metadata();
    if (authorization != null) {
      headers.put(
          Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER), authorization);
    }
    return ClientInterceptors.intercept(
        connection.channel(), MetadataUtils.newAttachHeadersInterceptor(headers));
  }

  private static MethodDescriptor<byte[], byte[]> method(String name, MethodType type) {
    return MethodDescriptor.newBuilder(new Bytes(), new Bytes())
        .setFullMethodName(name)
        .setType(type)
        .build();
  }

  private static final class Bytes implements MethodDescriptor.Marshaller<byte[]> {

    @Override
    public InputStream stream(byte[] message) {
      return new ByteArrayInputStream(message);
    }

    @Override
    public byte[] parse(InputStream message) {
      try {
        return message.readAllBytes();
      } catch (IOException failed) {
        throw new UncheckedIOException(failed);
      }
    }
  }
}
