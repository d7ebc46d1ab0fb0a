package io.fullrank.checker.check;

import io.fullrank.proto.v1.Snapshot;
import io.fullrank.proto.v1.Verdict;

/** Judges one snapshot. */
@FunctionalInterface
public interface SnapshotCheck {

  /**
   * Judges a snapshot. What the snapshot, the data or the machine lack for a judgement is an
   * undetermined verdict with the reason, not an exception.
   *
   * @param snapshot (input) a snapshot with weights, or of an external run with features
   */
  Verdict check(Snapshot snapshot);
}
