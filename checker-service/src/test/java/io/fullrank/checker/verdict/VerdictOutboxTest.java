package io.fullrank.checker.verdict;

import static org.assertj.core.api.Assertions.assertThat;

import io.fullrank.proto.SnapshotId;
import io.fullrank.proto.Topic;
import io.fullrank.proto.v1.SkipReason;
import io.fullrank.proto.v1.Verdict;
import java.util.Set;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.junit.jupiter.api.Test;

class VerdictOutboxTest {

  private final VerdictOutbox outbox = new VerdictOutbox();

  @Test
  void nothingIsSaidOfPartitionsThatAreAnotherCheckersNow() {
    for (int partition = 0; partition < 3; partition++) {
      String run = "run-" + partition;
      outbox.verdict(partition, Verdict.newBuilder().setRun(run).build());
      outbox.skip(partition, new SnapshotId(run, 1, 2), SkipReason.SKIP_REASON_SUPERSEDED);
      outbox.deadLetter(
          new ConsumerRecord<>(Topic.SNAPSHOTS.name(), partition, 5, run, new byte[0]), "damaged");
    }

    outbox.forget(Set.of(0, 2));

    assertThat(outbox.verdicts()).extracting(Verdict::getRun).containsExactly("run-1");
    assertThat(outbox.skipped()).extracting(skip -> skip.getRun()).containsExactly("run-1");
    assertThat(outbox.deadLetterCount()).isEqualTo(1);
    assertThat(outbox.records())
        .extracting(ProducerRecord::key)
        .containsExactly("run-1", "run-1", "run-1");
    outbox.forget(Set.of(1));
    assertThat(outbox.isEmpty()).isTrue();
  }
}
