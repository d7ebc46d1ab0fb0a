package io.fullrank.metrics.store;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.MessageLite;
import io.fullrank.metrics.Records;
import io.fullrank.metrics.TestClock;
import io.fullrank.metrics.selection.Portion;
import io.fullrank.metrics.store.HeldPartitions.Held;
import io.fullrank.metrics.streams.InMemory;
import io.fullrank.metrics.v1.RunFilter;
import io.fullrank.metrics.v1.Submission;
import io.fullrank.proto.v1.Run;
import io.fullrank.proto.v1.Variant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class HeldPartitionsTest {

  private static final RunFilter ALL = RunFilter.getDefaultInstance();

  private final TestClock clock = new TestClock(InMemory.NOW);
  private final HeldPartitions held = new HeldPartitions(new RunChanges());
  private final List<String> names = IntStream.range(0, 60).mapToObj(i -> "r" + i).toList();

  HeldPartitionsTest() {
    for (int number = 0; number < 3; number++) {
      held.open(number, new RunPartition(InMemory.stores(), clock));
    }
    String warning = "w".repeat(200_000);
    for (int i = 0; i < names.size(); i++) {
      held.apply(
          i % 3,
          new RunRecord.Requested(
              Records.request(names.get(i), "e", Variant.VARIANT_BASE, i).toBuilder()
                  .addWarnings(warning)
                  .build()));
    }
  }

  @Test
  void readsNoMoreRunsThanAnAnswerHolds() {
    assertFits(held.runs(ALL, Optional.empty(), Integer.MAX_VALUE));
    assertFits(held.runs(names));
  }

  @Test
  void goesOnWhereAnAnswerEnded() {
    List<String> read = new ArrayList<>();
    Optional<Submission> after = Optional.empty();
    List<Run> some = held.runs(ALL, after, 9).values();
    while (!some.isEmpty()) {
      some.forEach(run -> read.add(run.getRequest().getRun()));
      after = Optional.of(SubmissionOrder.of(some.get(some.size() - 1).getRequest()));
      some = held.runs(ALL, after, Integer.MAX_VALUE).values();
    }
    assertThat(read).isEqualTo(names);
  }

  private void assertFits(Held<Run> read) {
    assertThat(read.partitions()).containsExactlyInAnyOrder(0, 1, 2);
    // One more tells that there are more.
    assertThat(read.values())
        .hasSize(16)
        .extracting(run -> run.getRequest().getRun())
        .isEqualTo(names.subList(0, 16));
    assertThat(
            read.values().subList(0, 15).stream().mapToLong(MessageLite::getSerializedSize).sum())
        .isLessThanOrEqualTo(Portion.BYTES);
  }
}
