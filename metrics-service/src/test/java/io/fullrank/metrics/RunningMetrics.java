package io.fullrank.metrics;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.MessageLite;
import grpc.health.v1.HealthGrpc;
import grpc.health.v1.HealthOuterClass.HealthCheckRequest;
import grpc.health.v1.HealthOuterClass.HealthCheckResponse.ServingStatus;
import io.fullrank.messaging.KafkaConnection;
import io.fullrank.proto.Topic;
import io.fullrank.proto.v1.GetRunRequest;
import io.fullrank.proto.v1.MetricsServiceGrpc;
import io.fullrank.proto.v1.Run;
import io.fullrank.proto.v1.WatchRunRequest;
import io.fullrank.proto.v1.WatchRunResponse;
import io.fullrank.testsupport.Waiting;
import io.fullrank.testsupport.client.GrpcConnection;
import io.fullrank.testsupport.kafka.MortalBroker;
import io.fullrank.testsupport.process.JavaCommand;
import io.fullrank.testsupport.process.PackagedService;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;

/** A broker and the packaged service on it, with a client of each. */
final class RunningMetrics implements AutoCloseable {

  static final Duration LIMIT = Waiting.LIMIT;

  private final MortalBroker broker;
  private final KafkaProducer<String, byte[]> producer;
  private final GrpcConnection connection;
  private PackagedService service;

  private RunningMetrics(Path folder) throws IOException, InterruptedException {
    broker = MortalBroker.start(folder.resolve("kafka"));
    producer = KafkaConnection.to(broker.bootstrapServers()).producer("test", Map.of());
    service = startService(folder, "service");
    connection = GrpcConnection.to(service.grpcPort());
  }

  /** Starts both and waits until the service is ready. */
  static RunningMetrics start(Path folder) throws IOException, InterruptedException {
    RunningMetrics running = new RunningMetrics(folder);
    running.service.awaitReady();
    return running;
  }

  /** Starts a service on the same broker, with state of its own. */
  PackagedService startService(Path folder, String name) throws IOException {
    return PackagedService.start(
        JavaCommand.service("metrics-service")
            .with(
                "-Xmx128m",
                "-Dfullrank.kafka.bootstrap-servers=" + broker.bootstrapServers(),
                "-Dfullrank.metrics.state-directory=" + folder.resolve(name)),
        folder.resolve(name + ".log"));
  }

  PackagedService service() {
    return service;
  }

  ManagedChannel channel() {
    return connection.channel();
  }

  MortalBroker broker() {
    return broker;
  }

  /** Starts the service anew, which must have ended. */
  void startServiceAgain() throws IOException {
    service = service.startAgain();
    service.awaitReady();
  }

  /** Publishes a message and returns its offset. */
  long send(Topic topic, String key, MessageLite message) {
    return send(topic, key, message.toByteArray());
  }

  /** Publishes a value and returns its offset. */
  long send(Topic topic, String key, byte[] value) {
    try {
      return producer.send(new ProducerRecord<>(topic.name(), key, value)).get().offset();
    } catch (InterruptedException | ExecutionException failed) {
      throw new IllegalStateException(failed);
    }
  }

  List<ConsumerRecord<String, byte[]>> deadLetters(Topic topic) {
    try (KafkaConsumer<String, byte[]> consumer =
        KafkaConnection.to(broker.bootstrapServers()).consumer("test-letters", Map.of())) {
      TopicPartition partition = new TopicPartition(topic.deadLetters().name(), 0);
      consumer.assign(List.of(partition));
      long end = consumer.endOffsets(List.of(partition)).get(partition);
      List<ConsumerRecord<String, byte[]>> letters = new ArrayList<>();
      while (consumer.position(partition) < end) {
        consumer.poll(Duration.ofSeconds(1)).forEach(letters::add);
      }
      return letters;
    }
  }

  MetricsServiceGrpc.MetricsServiceBlockingStub metrics() {
    return metrics(channel());
  }

  static MetricsServiceGrpc.MetricsServiceBlockingStub metrics(ManagedChannel to) {
    return MetricsServiceGrpc.newBlockingStub(to)
        .withWaitForReady()
        .withDeadlineAfter(LIMIT.toSeconds(), TimeUnit.SECONDS);
  }

  Run run(String name) {
    return run(channel(), name);
  }

  static Run run(ManagedChannel at, String name) {
    return metrics(at).getRun(GetRunRequest.newBuilder().setRun(name).build()).getRun();
  }

  boolean exists(String run) {
    try {
      return run(run).hasRequest();
    } catch (StatusRuntimeException refused) {
      assertThat(refused.getStatus().getCode()).isEqualTo(Status.Code.NOT_FOUND);
      return false;
    }
  }

  Iterator<WatchRunResponse> watch(String run) {
    return metrics().watchRun(WatchRunRequest.newBuilder().setRun(run).build());
  }

  static String failure(Supplier<?> call) {
    try {
      Object answer = call.get();
      throw new AssertionError("the call was not refused: " + answer);
    } catch (StatusRuntimeException refused) {
      return refused.getMessage();
    }
  }

  static ServingStatus serving(ManagedChannel at) {
    return HealthGrpc.newBlockingStub(at)
        .withDeadlineAfter(LIMIT.toSeconds(), TimeUnit.SECONDS)
        .check(HealthCheckRequest.newBuilder().setService(MetricsServiceGrpc.SERVICE_NAME).build())
        .getStatus();
  }

  /** Returns the value of a series. */
  double sample(String series) {
    return service.http().samples().stream()
        .filter(line -> line.startsWith(series + " "))
        .mapToDouble(line -> Double.parseDouble(line.substring(series.length() + 1)))
        .findFirst()
        .orElseThrow(() -> new AssertionError("no " + series));
  }

  @Override
  public void close() throws InterruptedException {
    connection.close();
    producer.close(Duration.ZERO);
    service.close();
    broker.close();
  }
}
