package io.fullrank.trainer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.fullrank.kafka.EmbeddedKafka;
import io.fullrank.messaging.KafkaConnection;
import io.fullrank.messaging.TopicCreation;
import io.fullrank.proto.Topic;
import io.fullrank.proto.v1.Progress;
import io.fullrank.proto.v1.RunEvent;
import io.fullrank.proto.v1.RunHeader;
import io.fullrank.proto.v1.RunResult;
import io.fullrank.proto.v1.Snapshot;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.AlterConfigOp.OpType;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class OutboxTest {

  @TempDir Path folder;

  @Test
  void theBrokerHasASnapshotBeforeTheResultThatCountsIt() throws Exception {
    try (EmbeddedKafka kafka = EmbeddedKafka.start(folder, 0)) {
      KafkaConnection connection = KafkaConnection.to(kafka.bootstrapServers());
      CountDownLatch progress = new CountDownLatch(1);
      CountDownLatch result = new CountDownLatch(1);
      try (Admin admin = connection.admin("test");
          Outbox outbox =
              new Outbox(connection.producer("outbox", Outbox.producerOverrides()), 1 << 20)) {
        TopicCreation.ensure(admin, List.of(Topic.SNAPSHOTS, Topic.PROGRESS));
        for (Topic topic : List.of(Topic.SNAPSHOTS, Topic.PROGRESS)) {
          set(admin, topic, "message.timestamp.type", "LogAppendTime");
        }
        // One broker has not two replicas: snapshots are refused for now, and only they.
        set(admin, Topic.SNAPSHOTS, "min.insync.replicas", "2");

        outbox.snapshot(
            Snapshot.newBuilder()
                .setHeader(RunHeader.newBuilder().setRun("run").setAttempt(1))
                .setStep(1)
                .build());
        outbox.event(
            RunEvent.newBuilder().setRun("run").setProgress(Progress.newBuilder()).build(),
            progress::countDown);
        outbox.event(
            RunEvent.newBuilder().setRun("run").setFinished(RunResult.newBuilder()).build(),
            result::countDown);
        assertThat(progress.await(1, TimeUnit.MINUTES)).isTrue();
        set(admin, Topic.SNAPSHOTS, "min.insync.replicas", "1");
        assertThat(result.await(1, TimeUnit.MINUTES)).isTrue();
      }

      List<ConsumerRecord<String, byte[]>> records = records(connection, 3);
      long snapshotAt =
          records.stream()
              .filter(record -> record.topic().equals(Topic.SNAPSHOTS.name()))
              .findFirst()
              .orElseThrow()
              .timestamp();
      ConsumerRecord<String, byte[]> last =
          records.stream()
              .filter(record -> record.topic().equals(Topic.PROGRESS.name()))
              .reduce((first, second) -> second)
              .orElseThrow();
      assertThat(RunEvent.parseFrom(last.value()).hasFinished()).isTrue();
      assertThat(last.timestamp()).isGreaterThanOrEqualTo(snapshotAt);
    }
  }

  private static void set(Admin admin, Topic topic, String key, String value) throws Exception {
    admin
        .incrementalAlterConfigs(
            Map.of(
                new ConfigResource(ConfigResource.Type.TOPIC, topic.name()),
                List.of(new AlterConfigOp(new ConfigEntry(key, value), OpType.SET))))
        .all()
        .get();
  }

  private static List<ConsumerRecord<String, byte[]>> records(
      KafkaConnection connection, int count) {
    List<ConsumerRecord<String, byte[]>> records = new ArrayList<>();
    try (KafkaConsumer<String, byte[]> consumer = connection.consumer("reader", Map.of())) {
      List<TopicPartition> partitions =
          List.of(Topic.SNAPSHOTS, Topic.PROGRESS).stream()
              .flatMap(topic -> consumer.partitionsFor(topic.name()).stream())
              .map(partition -> new TopicPartition(partition.topic(), partition.partition()))
              .toList();
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      await()
          .atMost(Duration.ofMinutes(1))
          .until(
              () -> {
                consumer.poll(Duration.ofMillis(200)).forEach(records::add);
                return records.size() >= count;
              });
    }
    return records;
  }
}
