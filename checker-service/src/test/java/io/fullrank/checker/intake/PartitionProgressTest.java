package io.fullrank.checker.intake;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.fullrank.checker.intake.PartitionProgress.Age;
import io.fullrank.checker.intake.PartitionProgress.Decided;
import io.fullrank.proto.SnapshotId;
import java.io.IOException;
import java.util.Arrays;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PartitionProgressTest {

  @Test
  void comesBackFromItsTextAsItWas() throws IOException {
    Map<Long, Decided> newest = new LinkedHashMap<>();
    newest.put(PartitionProgress.key("b"), new Decided(new Age(2, 100, true), false));
    newest.put(PartitionProgress.key("a"), new Decided(new Age(1, -1, false), true));
    newest.put(PartitionProgress.key("c"), new Decided(new Age(1, 3, false), false));
    PartitionProgress progress =
        new PartitionProgress(
            123_456_789_012L,
            Set.of(PartitionProgress.key(new SnapshotId("a", 1, 7), true)),
            newest);

    PartitionProgress again =
        PartitionProgress.fromMetadata(123_456_789_000L, progress.toMetadata(123_456_789_000L));

    assertThat(again).isEqualTo(progress);
    assertThat(again.newest().keySet()).containsExactlyElementsOf(newest.keySet());
  }

  /**
   * As texts were before anything was sent again: a snapshot that is decided is not judged twice.
   */
  @Test
  void readsWhatStandsBesideOffsetsFromBeforeThereWereFlags() throws IOException {
    Map<Long, Decided> newest = new LinkedHashMap<>();
    newest.put(PartitionProgress.key("a"), new Decided(new Age(1, 7, true), false));
    newest.put(PartitionProgress.key("b"), new Decided(new Age(2, 9, true), false));
    PartitionProgress progress = new PartitionProgress(12, Set.of(), newest);
    byte[] withFlags = Base64.getUrlDecoder().decode(progress.toMetadata(10));
    String without =
        Base64.getUrlEncoder()
            .withoutPadding()
            .encodeToString(Arrays.copyOf(withFlags, withFlags.length - 2));

    assertThat(PartitionProgress.fromMetadata(10, without)).isEqualTo(progress);
  }

  @Test
  void staysUnderTheBrokersLimitWhateverTheRunsAreCalled() {
    // As many as PartitionIntake lets there be: 64 runs, and MOST_HELD and one batch of 16 held.
    Set<Long> held = new LinkedHashSet<>();
    for (long step = 0; step < PartitionIntake.MOST_HELD + 16; step++) {
      held.add(PartitionProgress.key(new SnapshotId("r".repeat(255), -1, step), true));
    }
    Map<Long, Decided> newest = new LinkedHashMap<>();
    for (int run = 0; run < 64; run++) {
      newest.put(PartitionProgress.key("run" + run), new Decided(new Age(-1, -1, true), true));
    }

    String text = new PartitionProgress(Long.MAX_VALUE, held, newest).toMetadata(0);

    assertThat(text).hasSizeLessThan(4096);
  }

  @ParameterizedTest
  @ValueSource(strings = {"not base64!", "AA", "AQ", "_____w"})
  void refusesTextThatIsNotItsOwn(String foreign) {
    assertThatThrownBy(() -> PartitionProgress.fromMetadata(0, foreign))
        .isInstanceOf(IOException.class);
  }

  @Test
  void tellsSnapshotsApartByAllOfTheirIdentity() {
    List<Long> keys =
        List.of(
            PartitionProgress.key(new SnapshotId("a", 1, 2), false),
            PartitionProgress.key(new SnapshotId("a", 1, 2), true),
            PartitionProgress.key(new SnapshotId("a", 2, 1), false),
            PartitionProgress.key(new SnapshotId("a", 1, 1), false),
            PartitionProgress.key(new SnapshotId("b", 1, 2), false));

    assertThat(keys).doesNotHaveDuplicates();
  }
}
