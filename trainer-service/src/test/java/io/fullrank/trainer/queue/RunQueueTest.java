package io.fullrank.trainer.queue;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.google.protobuf.util.Timestamps;
import io.fullrank.kafka.EmbeddedKafka;
import io.fullrank.messaging.KafkaConnection;
import io.fullrank.messaging.TopicCreation;
import io.fullrank.proto.Topic;
import io.fullrank.proto.v1.RunRequest;
import io.fullrank.testsupport.kafka.BrokerExtension;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.UUID;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListOffsetsResult.ListOffsetsResultInfo;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RemoveMembersFromConsumerGroupOptions;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** What a queue learns of the trainers before it, through a real broker. */
@ExtendWith(BrokerExtension.class)
class RunQueueTest {

  private final String group = "queue-" + UUID.randomUUID();
  private KafkaConnection connection;
  private Admin admin;
  private KafkaProducer<String, byte[]> requests;

  @BeforeEach
  void open(EmbeddedKafka kafka) throws Exception {
    connection = KafkaConnection.to(kafka.bootstrapServers());
    admin = connection.admin("test");
    TopicCreation.ensure(admin, Topic.ALL);
    requests = connection.producer("test-requests", Map.of());
    admin.alterConsumerGroupOffsets(group, ends()).all().get();
  }

  @AfterEach
  void close() {
    requests.close();
    admin.close();
  }

  @Test
  void countsAttemptsThatDiedWithoutProgress() throws Exception {
    submit("first");
    assertThat(deathsBeforeOneThatDies(0)).isZero();
    assertThat(deathsBeforeOneThatDies(0)).isEqualTo(1);
    assertThat(deathsBeforeOneThatDies(0)).isEqualTo(2);
    // It got further: what killed the earlier ones was not the run.
    assertThat(deathsBeforeOneThatDies(7)).isZero();
    assertThat(deathsBeforeOneThatDies(7)).isEqualTo(1);
    try (RunQueue queue = queue()) {
      QueuedRun run = queue.take().orElseThrow();
      assertThat(queue.begin(run, 7)).hasValue(2);
      // As on SIGTERM.
      queue.stopped(run);
    }
    assertThat(deathsBeforeOneThatDies(7)).isEqualTo(2);
  }

  @Test
  void handsOutRunsWhoseAttemptsDiedAgainAndAgainAfterTheOthers() throws Exception {
    submit("first");
    submit("second");
    deathsBeforeOneThatDies(0);
    deathsBeforeOneThatDies(0);

    try (RunQueue queue = queue()) {
      await().atMost(Duration.ofMinutes(1)).until(() -> queue.size() == 2);
      assertThat(queue.take().orElseThrow().request().getRun()).isEqualTo("second");
      assertThat(queue.take().orElseThrow().request().getRun()).isEqualTo("first");
    }
  }

  @Test
  void beginsNoRunOnceItIsNoMemberOfTheGroupAnyMore() throws Exception {
    submit("first");
    try (RunQueue queue = queue()) {
      QueuedRun taken = queue.take().orElseThrow();
      // As for one that has stood still for longer than a session lasts.
      admin
          .removeMembersFromConsumerGroup(group, new RemoveMembersFromConsumerGroupOptions())
          .all()
          .get();

      assertThat(queue.begin(taken, 0)).isEmpty();

      // What the group gives it again it may begin.
      QueuedRun again = queue.take().orElseThrow();
      assertThat(again.request().getRun()).isEqualTo("first");
      assertThat(queue.begin(again, 0)).hasValue(0);
      queue.stopped(again);
    }
  }

  @Test
  void beginsNoRunOnceItGivesAllUp() throws Exception {
    submit("first");
    try (RunQueue queue = queue()) {
      QueuedRun taken = queue.take().orElseThrow();
      queue.giveUp();

      assertThat(queue.begin(taken, 0)).isEmpty();
      assertThat(queue.take()).isEmpty();
    }
  }

  /** Takes the first run and leaves behind what a process that is killed then would leave. */
  private int deathsBeforeOneThatDies(long step) throws Exception {
    Map<TopicPartition, OffsetAndMetadata> left;
    int deaths;
    try (RunQueue queue = queue()) {
      QueuedRun run = queue.take().orElseThrow();
      assertThat(run.request().getRun()).isEqualTo("first");
      deaths = queue.begin(run, step).orElseThrow();
      left = admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get();
      queue.stopped(run);
    }
    admin.alterConsumerGroupOffsets(group, left).all().get();
    return deaths;
  }

  private RunQueue queue() {
    return new RunQueue(
        connection,
        "test",
        group,
        Duration.ofSeconds(1),
        connection.producer("test-dead-letters", Map.of()),
        run -> {});
  }

  private Map<TopicPartition, OffsetAndMetadata> ends() throws Exception {
    Map<TopicPartition, OffsetSpec> latest = new HashMap<>();
    for (int partition = 0; partition < Topic.EXPERIMENTS.partitions(); partition++) {
      latest.put(new TopicPartition(Topic.EXPERIMENTS.name(), partition), OffsetSpec.latest());
    }
    Map<TopicPartition, OffsetAndMetadata> ends = new HashMap<>();
    for (Map.Entry<TopicPartition, ListOffsetsResultInfo> end :
        admin.listOffsets(latest).all().get().entrySet()) {
      ends.put(end.getKey(), new OffsetAndMetadata(end.getValue().offset()));
    }
    return ends;
  }

  /** All in one partition, so that the order in which partitions are read plays no role. */
  private void submit(String run) throws Exception {
    RunRequest request =
        RunRequest.newBuilder().setRun(run).setSubmittedAt(Timestamps.now()).build();
    requests
        .send(new ProducerRecord<>(Topic.EXPERIMENTS.name(), 0, run, request.toByteArray()))
        .get();
  }
}
