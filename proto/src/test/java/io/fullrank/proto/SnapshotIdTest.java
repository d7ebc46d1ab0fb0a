package io.fullrank.proto;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class SnapshotIdTest {

  @Test
  void ordersByRunThenByAgeWithNumbersUnsigned() {
    List<SnapshotId> ordered =
        List.of(
            new SnapshotId("a", 1, 0),
            new SnapshotId("a", 1, Long.MAX_VALUE),
            new SnapshotId("a", 1, -1),
            new SnapshotId("a", 2, 0),
            new SnapshotId("a", -1, 0),
            new SnapshotId("b", 0, 0));

    assertThat(ordered).isSorted();
  }
}
