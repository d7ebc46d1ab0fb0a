package io.fullrank.checker.intake;

import io.fullrank.proto.SnapshotId;
import io.fullrank.proto.v1.Snapshot;

/**
 * A snapshot that is all there and waits for its check.
 *
 * @param snapshot the snapshot, without its gradients
 * @param bytes the memory it is accounted for
 * @param partition the partition it came from
 */
public record PendingSnapshot(Snapshot snapshot, long bytes, int partition) {

  public SnapshotId id() {
    return SnapshotId.of(snapshot);
  }
}
