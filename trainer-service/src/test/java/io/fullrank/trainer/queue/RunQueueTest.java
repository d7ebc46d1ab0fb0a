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
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.UUID;
import java.util.concurrent.ConcurrentLinkedQueue;
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

  private static final TopicPartition PARTITION = new TopicPartition(Topic.EXPERIMENTS.name(), 0);

  private final String group = "queue-" + UUID.randomUUID();
  private final Queue<String> cancelled = new ConcurrentLinkedQueue<>();
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
      assertThat(queue.begin(run, 1, 7)).map(RunQueue.Begun::deaths).hasValue(2);
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

      assertThat(queue.begin(taken, 1, 0)).isEmpty();

      // What the group gives it again it may begin.
      QueuedRun again = queue.take().orElseThrow();
      assertThat(again.request().getRun()).isEqualTo("first");
      assertThat(queue.begin(again, 1, 0)).hasValue(new RunQueue.Begun(1, 0, 0));
      queue.stopped(again);
    }
  }

  @Test
  void numbersAnAttemptHigherThanAllBeforeWhateverTheClocksShow() throws Exception {
    submit("first");
    assertThat(oneThatDies(1_000, 0)).isEqualTo(new RunQueue.Begun(1_000, 0, 0));
    // The clock of the next trainer is far behind, and no checkpoint says so.
    assertThat(oneThatDies(10, 0)).isEqualTo(new RunQueue.Begun(1_001, 1, 1_000));
    try (RunQueue queue = queue()) {
      QueuedRun run = queue.take().orElseThrow();
      assertThat(queue.begin(run, 10, 0)).hasValue(new RunQueue.Begun(1_002, 2, 1_001));
      queue.stopped(run);
    }
    // Nor if it was given back, when nothing has died.
    assertThat(oneThatDies(10, 0)).isEqualTo(new RunQueue.Begun(1_003, 2, 1_002));
    assertThat(oneThatDies(2_000, 5)).isEqualTo(new RunQueue.Begun(2_000, 0, 1_003));
  }

  @Test
  void notesNothingOfARunThatWentToAnotherTrainer() throws Exception {
    submit("first");
    Map<TopicPartition, OffsetAndMetadata> left;
    try (RunQueue queue = queue()) {
      QueuedRun taken = queue.take().orElseThrow();
      assertThat(queue.begin(taken, 1, 0)).isPresent();
      admin
          .removeMembersFromConsumerGroup(group, new RemoveMembersFromConsumerGroupOptions())
          .all()
          .get();
      QueuedRun again = queue.take().orElseThrow();
      assertThat(queue.begin(again, 1, 0)).isPresent();

      // What stood still learns only now that it has to stop.
      queue.stopped(taken);

      submit("second");
      QueuedRun second = queue.take().orElseThrow();
      assertThat(queue.begin(second, 1, 0)).isPresent();
      left = admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get();
      queue.stopped(again);
      queue.stopped(second);
    }
    admin.alterConsumerGroupOffsets(group, left).all().get();
    try (RunQueue queue = queue()) {
      await().atMost(Duration.ofMinutes(1)).until(() -> queue.size() == 2);
      assertThat(queue.take().orElseThrow().request().getRun()).isEqualTo("second");
      // Both attempts have died.
      assertThat(queue.begin(queue.take().orElseThrow(), 1, 0))
          .map(RunQueue.Begun::deaths)
          .hasValue(2);
    }
  }

  @Test
  void settlesNoRunThatWentToAnotherTrainer() throws Exception {
    submit("first");
    try (RunQueue queue = queue()) {
      QueuedRun taken = queue.take().orElseThrow();
      assertThat(queue.begin(taken, 1, 0)).isPresent();
      admin
          .removeMembersFromConsumerGroup(group, new RemoveMembersFromConsumerGroupOptions())
          .all()
          .get();
      QueuedRun again = queue.take().orElseThrow();
      assertThat(queue.begin(again, 1, 0)).isPresent();

      // The broker has taken the result of an attempt that readers no longer follow.
      queue.settle(taken);

      queue.stopped(again);
    }
    try (RunQueue queue = queue()) {
      await().atMost(Duration.ofMinutes(1)).until(() -> queue.size() == 1);
    }
  }

  @Test
  void handsOutACancelledRunThatHadBegunBeforeTheOthers() throws Exception {
    submit("first");
    oneThatDies(1_000, 0);
    submit("second");
    submit("third");
    cancel("third");
    cancel("first");

    try (RunQueue queue = queue()) {
      await().atMost(Duration.ofMinutes(1)).until(() -> cancelled.size() == 2);
      QueuedRun first = queue.take().orElseThrow();
      assertThat(first.request().getRun()).isEqualTo("first");
      assertThat(first.stop()).isEqualTo(QueuedRun.Stop.CANCELLED);
      assertThat(queue.begin(first, 10, 0)).hasValue(new RunQueue.Begun(1_001, 1, 1_000));
      // Nobody waits for the end of the third, which never began.
      assertThat(queue.take().orElseThrow().request().getRun()).isEqualTo("second");
      assertThat(queue.size()).isZero();
    }
  }

  @Test
  void readsNotesThatHaveNoNumbers() throws Exception {
    submit("first");
    long offset = ends().get(PARTITION).offset() - 1;
    admin
        .alterConsumerGroupOffsets(
            group, Map.of(PARTITION, new OffsetAndMetadata(offset, offset + ":1:7:1")))
        .all()
        .get();

    assertThat(oneThatDies(10, 7)).isEqualTo(new RunQueue.Begun(10, 2, 0));
  }

  @Test
  void keepsNotesOfManyRunsWithinWhatKafkaTakes() throws Exception {
    for (int i = 0; i < 100; i++) {
      submit("run-" + i);
    }
    List<QueuedRun> runs = new ArrayList<>();
    try (RunQueue queue = queue()) {
      for (int i = 0; i < 100; i++) {
        QueuedRun run = queue.take().orElseThrow();
        assertThat(queue.begin(run, 999_999_999_999_999_999L, 999_999_999_999_999_999L))
            .isPresent();
        runs.add(run);
      }
      runs.forEach(queue::stopped);
    }
  }

  @Test
  void beginsNoRunOnceItGivesAllUp() throws Exception {
    submit("first");
    try (RunQueue queue = queue()) {
      QueuedRun taken = queue.take().orElseThrow();
      queue.giveUp();

      assertThat(queue.begin(taken, 1, 0)).isEmpty();
      assertThat(queue.take()).isEmpty();
    }
  }

  private int deathsBeforeOneThatDies(long step) throws Exception {
    return oneThatDies(1, step).deaths();
  }

  /** Takes the first run and leaves behind what a process that is killed then would leave. */
  private RunQueue.Begun oneThatDies(long number, long step) throws Exception {
    Map<TopicPartition, OffsetAndMetadata> left;
    RunQueue.Begun begun;
    try (RunQueue queue = queue()) {
      QueuedRun run = queue.take().orElseThrow();
      assertThat(run.request().getRun()).isEqualTo("first");
      begun = queue.begin(run, number, step).orElseThrow();
      left = admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get();
      queue.stopped(run);
    }
    admin.alterConsumerGroupOffsets(group, left).all().get();
    return begun;
  }

  private RunQueue queue() {
    return new RunQueue(
        connection,
        "test",
        group,
        Duration.ofSeconds(1),
        connection.producer("test-dead-letters", Map.of()),
        cancelled::add);
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
    send(RunRequest.newBuilder().setRun(run).setSubmittedAt(Timestamps.now()));
  }

  private void cancel(String run) throws Exception {
    send(RunRequest.newBuilder().setRun(run).setCancelled(true));
  }

  private void send(RunRequest.Builder request) throws Exception {
    requests
        .send(
            new ProducerRecord<>(
                PARTITION.topic(),
                PARTITION.partition(),
                request.getRun(),
                request.build().toByteArray()))
        .get();
  }
}
