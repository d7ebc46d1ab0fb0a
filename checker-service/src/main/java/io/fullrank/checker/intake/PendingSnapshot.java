package io.fullrank.checker.intake;

import io.fullrank.proto.SnapshotId;
import io.fullrank.proto.v1.Snapshot;

/**
 * A snapshot that is all there and waits for its check.
 *
 * @param snapshot the snapshot, without what is not needed to judge it
 * @param bytes the memory it is accounted for
 * @param partition the partition it came from
 * @param firstOffset where it begins in the partition, which tells it from other copies of it
 */
public record PendingSnapshot(Snapshot snapshot, long bytes, int partition, long firstOffset) {

  public SnapshotId id() {
    return SnapshotId.of(snapshot);
  }
}
