package io.fullrank.checker.loop;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.fullrank.checker.Wire;
import io.fullrank.checker.configuration.CheckLoopSettings;
import io.fullrank.checker.configuration.CheckPolicy;
import io.fullrank.checker.verdict.VerdictOutbox;
import io.fullrank.checker.verdict.VerdictPublication;
import io.fullrank.kafka.EmbeddedKafka;
import io.fullrank.proto.SnapshotId;
import io.fullrank.proto.Topic;
import io.fullrank.proto.v1.SkipReason;
import io.fullrank.testsupport.Waiting;
import io.fullrank.testsupport.kafka.BrokerExtension;
import java.time.Duration;
import java.util.Collection;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(BrokerExtension.class)
class SnapshotConsumerTest {

  private static final Duration POLL = Duration.ofMillis(50);

  private Wire wire;

  @BeforeEach
  void begin(EmbeddedKafka kafka) throws Exception {
    wire = new Wire(kafka.bootstrapServers());
  }

  @AfterEach
  void end() {
    wire.close();
  }

  /** What a consumer reads; where it is told to, it ends like a process that dies. */
  private static final class Share implements ConsumerRebalanceListener {

    final Set<Integer> numbers = new TreeSet<>();
    boolean diesWhenItHandsOver;

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> assigned) {
      assigned.forEach(partition -> numbers.add(partition.partition()));
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> revoked) {
      if (diesWhenItHandsOver) {
        throw new IllegalStateException("dies");
      }
      revoked.forEach(partition -> numbers.remove(partition.partition()));
    }
  }

  @Test
  void allPartitionsAreReadAfterAMemberWasReplacedThatHadNotHandedOverAll() {
    Share first = new Share();
    Share second = new Share();
    Share replacement = new Share();
    try (SnapshotConsumer joining = consumer("b")) {
      try (SnapshotConsumer dying = consumer("a")) {
        dying.subscribe(first);
        await()
            .atMost(Waiting.LIMIT)
            .until(
                () -> {
                  dying.poll(POLL);
                  return first.numbers.size() == Topic.SNAPSHOTS.partitions();
                });

        first.diesWhenItHandsOver = true;
        joining.subscribe(second);
        assertThatThrownBy(() -> pollUntilFailure(dying, joining))
            .isInstanceOf(KafkaException.class)
            .hasRootCauseMessage("dies");
        first.diesWhenItHandsOver = false;
      }

      try (SnapshotConsumer again = consumer("a")) {
        again.subscribe(replacement);
        await()
            .atMost(Waiting.LIMIT)
            .untilAsserted(
                () -> {
                  again.poll(POLL);
                  joining.poll(POLL);
                  Set<Integer> read = new TreeSet<>(replacement.numbers);
                  read.addAll(second.numbers);
                  assertThat(read).hasSize(Topic.SNAPSHOTS.partitions());
                });
      }
    }
  }

  @Test
  void whatComesBetweenTwoGenerationsOfTheGroupIsPublishedInTheNewOne() {
    VerdictOutbox outbox = new VerdictOutbox();
    outbox.skip(0, new SnapshotId("run-a", 1, 7), SkipReason.SKIP_REASON_SUPERSEDED);
    Map<TopicPartition, OffsetAndMetadata> offsets =
        Map.of(new TopicPartition(Topic.SNAPSHOTS.name(), 0), new OffsetAndMetadata(0));
    Share first = new Share();
    Share second = new Share();
    try (SnapshotConsumer reader = consumer("a");
        SnapshotConsumer joining = consumer("b");
        VerdictPublication publication = new VerdictPublication(wire.connection(), "a")) {
      publication.begin();
      reader.subscribe(first);
      await()
          .atMost(Waiting.LIMIT)
          .until(
              () -> {
                reader.poll(POLL);
                return !first.numbers.isEmpty();
              });
      ConsumerGroupMetadata former = reader.group();
      joining.subscribe(second);
      await()
          .atMost(Waiting.LIMIT)
          .until(
              () -> {
                reader.poll(POLL);
                joining.poll(POLL);
                return !second.numbers.isEmpty();
              });

      assertThat(publication.publish(outbox, offsets, former)).isFalse();
      assertThat(publication.publish(outbox, offsets, reader.group())).isTrue();
    }
    assertThat(wire.summaries()).containsExactly("run-a 7 SUPERSEDED");
  }

  private static void pollUntilFailure(SnapshotConsumer... consumers) {
    long limit = System.nanoTime() + Waiting.LIMIT.toNanos();
    while (System.nanoTime() < limit) {
      for (SnapshotConsumer consumer : consumers) {
        consumer.poll(POLL);
      }
    }
  }

  private SnapshotConsumer consumer(String name) {
    CheckLoopSettings group = wire.settings(CheckPolicy.EVERY);
    return new SnapshotConsumer(
        wire.connection(),
        new CheckLoopSettings(
            name, group.group(), group.policy(), group.memoryBytes(), group.maxSnapshotBytes()),
        () -> false);
  }
}
