package io.fullrank.trainer.publication;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.google.protobuf.ByteString;
import io.fullrank.kafka.EmbeddedKafka;
import io.fullrank.messaging.KafkaConnection;
import io.fullrank.messaging.TopicCreation;
import io.fullrank.proto.Topic;
import io.fullrank.proto.v1.DataType;
import io.fullrank.proto.v1.RunEvent;
import io.fullrank.proto.v1.RunHeader;
import io.fullrank.proto.v1.RunResult;
import io.fullrank.proto.v1.Snapshot;
import io.fullrank.proto.v1.SnapshotChunk;
import io.fullrank.proto.v1.Tensor;
import io.fullrank.testsupport.FreePort;
import io.fullrank.testsupport.Waiting;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.AlterConfigOp.OpType;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RunOutboxTest {

  private static final String OLDEST = "message.timestamp.before.max.ms";

  private static final RunEvent FINISHED =
      RunEvent.newBuilder().setRun("run").setFinished(RunResult.getDefaultInstance()).build();

  @TempDir Path folder;

  @Test
  void theBrokerHasAWholeSnapshotBeforeTheResultThatCountsIt() throws Exception {
    // Many requests long, and still less than the producer's buffer, so that the result is sent
    // while most of it is on its way.
    Snapshot snapshot = snapshot(40 << 20);
    try (EmbeddedKafka kafka = EmbeddedKafka.start(folder, FreePort.any())) {
      KafkaConnection connection = KafkaConnection.to(kafka.bootstrapServers());
      CountDownLatch delivered = new CountDownLatch(1);
      try (Admin admin = connection.admin("test");
          RunOutbox outbox =
              new RunOutbox(
                  connection.producer("outbox", RunOutbox.producerOverrides()), 64L << 20)) {
        TopicCreation.ensure(admin, List.of(Topic.SNAPSHOTS, Topic.PROGRESS));
        stampByBroker(admin, Topic.SNAPSHOTS);
        stampByBroker(admin, Topic.PROGRESS);

        outbox.snapshot(snapshot);
        outbox.event(FINISHED, delivered::countDown);
        assertThat(delivered.await(Waiting.LIMIT.toSeconds(), TimeUnit.SECONDS)).isTrue();
      }

      List<ConsumerRecord<String, byte[]>> records = records(connection);
      assertThat(records)
          .filteredOn(record -> record.topic().equals(Topic.PROGRESS.name()))
          .singleElement()
          .satisfies(
              result ->
                  assertThat(records)
                      .hasSizeGreaterThan(40)
                      .allSatisfy(
                          record ->
                              assertThat(record.timestamp())
                                  .isLessThanOrEqualTo(result.timestamp())));
    }
  }

  @Test
  void anEventThatTheBrokerRefusesIsSentAgain() throws Exception {
    try (EmbeddedKafka kafka = EmbeddedKafka.start(folder, FreePort.any())) {
      KafkaConnection connection = KafkaConnection.to(kafka.bootstrapServers());
      KafkaProducer<String, byte[]> producer =
          connection.producer("outbox", RunOutbox.producerOverrides());
      BlockingQueue<String> calls = new LinkedBlockingQueue<>();
      try (Admin admin = connection.admin("test");
          RunOutbox outbox = new RunOutbox(producer, 64L << 20)) {
        TopicCreation.ensure(admin, List.of(Topic.SNAPSHOTS, refusing(Topic.PROGRESS)));

        outbox.event(FINISHED, () -> calls.add("finished"));
        awaitRefusal(producer);
        outbox.afterDelivery(() -> calls.add("all"));
        refuseNoMore(admin, Topic.PROGRESS);

        assertThat(calls.poll(Waiting.LIMIT.toSeconds(), TimeUnit.SECONDS)).isEqualTo("finished");
        assertThat(calls.poll(Waiting.LIMIT.toSeconds(), TimeUnit.SECONDS)).isEqualTo("all");
      }
      assertThat(records(connection))
          .singleElement()
          .satisfies(record -> assertThat(RunEvent.parseFrom(record.value())).isEqualTo(FINISHED));
    }
  }

  @Test
  void aSnapshotThatTheBrokerRefusesIsSentAgainAsAWholeAndBeforeTheResult() throws Exception {
    try (EmbeddedKafka kafka = EmbeddedKafka.start(folder, FreePort.any())) {
      KafkaConnection connection = KafkaConnection.to(kafka.bootstrapServers());
      KafkaProducer<String, byte[]> producer =
          connection.producer("outbox", RunOutbox.producerOverrides());
      CountDownLatch delivered = new CountDownLatch(1);
      try (Admin admin = connection.admin("test");
          RunOutbox outbox = new RunOutbox(producer, 64L << 20)) {
        TopicCreation.ensure(admin, List.of(refusing(Topic.SNAPSHOTS), Topic.PROGRESS));

        outbox.snapshot(snapshot(5 << 19));
        awaitRefusal(producer);
        outbox.event(FINISHED, delivered::countDown);
        refuseNoMore(admin, Topic.SNAPSHOTS);

        assertThat(delivered.await(Waiting.LIMIT.toSeconds(), TimeUnit.SECONDS)).isTrue();
      }
      List<Integer> chunks = new ArrayList<>();
      for (ConsumerRecord<String, byte[]> record : records(connection)) {
        if (record.topic().equals(Topic.SNAPSHOTS.name())) {
          chunks.add(SnapshotChunk.parseFrom(record.value()).getIndex());
        }
      }
      // Before them may stand what was taken when the rest was refused.
      assertThat(chunks).endsWith(0, 1, 2);
    }
  }

  @Test
  void givesUpWhatIsTooLarge() throws Exception {
    RunEvent large =
        FINISHED.toBuilder()
            .setFinished(
                RunResult.newBuilder().setReason("x".repeat(KafkaConnection.MAX_REQUEST_BYTES)))
            .build();
    try (EmbeddedKafka kafka = EmbeddedKafka.start(folder, FreePort.any())) {
      KafkaConnection connection = KafkaConnection.to(kafka.bootstrapServers());
      BlockingQueue<String> calls = new LinkedBlockingQueue<>();
      try (Admin admin = connection.admin("test");
          RunOutbox outbox =
              new RunOutbox(
                  connection.producer("outbox", RunOutbox.producerOverrides()), 64L << 20)) {
        TopicCreation.ensure(admin, List.of(Topic.SNAPSHOTS, Topic.PROGRESS));

        outbox.event(large, () -> calls.add("large"));
        outbox.event(FINISHED, () -> calls.add("finished"));

        assertThat(calls.poll(Waiting.LIMIT.toSeconds(), TimeUnit.SECONDS)).isEqualTo("finished");
      }
      assertThat(calls).isEmpty();
    }
  }

  @Test
  void livesUntilSomethingEndsItsThread() throws Exception {
    // Nothing is sent, so no broker is needed.
    KafkaConnection nowhere = KafkaConnection.to("127.0.0.1:" + FreePort.any());
    try (RunOutbox outbox =
        new RunOutbox(nowhere.producer("outbox", RunOutbox.producerOverrides()), 1)) {
      CountDownLatch sending = new CountDownLatch(1);
      outbox.afterDelivery(sending::countDown);
      assertThat(sending.await(Waiting.LIMIT.toSeconds(), TimeUnit.SECONDS)).isTrue();
      assertThat(outbox.isAlive()).isTrue();

      outbox.afterDelivery(
          () -> {
            throw new NegativeArraySizeException("-1");
          });

      await().atMost(Waiting.LIMIT).dontCatchUncaughtExceptions().until(() -> !outbox.isAlive());
    }
  }

  private static Snapshot snapshot(int bytes) {
    return Snapshot.newBuilder()
        .setHeader(RunHeader.newBuilder().setRun("run").setAttempt(1))
        .setStep(1)
        .addWeights(
            Tensor.newBuilder()
                .setName("output.weight")
                .setType(DataType.DATA_TYPE_FLOAT32)
                .addShape(bytes / Float.BYTES)
                .setData(ByteString.copyFrom(new byte[bytes])))
        .build();
  }

  /** A topic whose broker takes records of its own millisecond only, as if clocks had parted. */
  private static Topic refusing(Topic topic) {
    Map<String, String> config = new HashMap<>(topic.config());
    config.put(OLDEST, "0");
    return new Topic(topic.name(), topic.partitions(), config);
  }

  private static void refuseNoMore(Admin admin, Topic topic) throws Exception {
    admin
        .incrementalAlterConfigs(
            Map.of(
                new ConfigResource(ConfigResource.Type.TOPIC, topic.name()),
                List.of(new AlterConfigOp(new ConfigEntry(OLDEST, ""), OpType.DELETE))))
        .all()
        .get();
  }

  private static void awaitRefusal(KafkaProducer<String, byte[]> producer) {
    await()
        .atMost(Waiting.LIMIT)
        .until(
            () ->
                producer.metrics().values().stream()
                    .filter(metric -> metric.metricName().group().equals("producer-metrics"))
                    .filter(metric -> metric.metricName().name().equals("record-error-total"))
                    .anyMatch(metric -> (double) metric.metricValue() > 0));
  }

  private static void stampByBroker(Admin admin, Topic topic) throws Exception {
    admin
        .incrementalAlterConfigs(
            Map.of(
                new ConfigResource(ConfigResource.Type.TOPIC, topic.name()),
                List.of(
                    new AlterConfigOp(
                        new ConfigEntry("message.timestamp.type", "LogAppendTime"), OpType.SET))))
        .all()
        .get();
  }

  private static List<ConsumerRecord<String, byte[]>> records(KafkaConnection connection) {
    List<ConsumerRecord<String, byte[]>> records = new ArrayList<>();
    try (KafkaConsumer<String, byte[]> consumer = connection.consumer("reader", Map.of())) {
      List<TopicPartition> partitions =
          List.of(Topic.SNAPSHOTS, Topic.PROGRESS).stream()
              .flatMap(topic -> consumer.partitionsFor(topic.name()).stream())
              .map(partition -> new TopicPartition(partition.topic(), partition.partition()))
              .toList();
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      // All has been delivered: the ends do not move any more.
      Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
      await()
          .atMost(Waiting.LIMIT)
          .until(
              () -> {
                consumer.poll(Duration.ofMillis(200)).forEach(records::add);
                return partitions.stream()
                    .allMatch(partition -> consumer.position(partition) >= ends.get(partition));
              });
    }
    return records;
  }
}
