package io.fullrank.proto;

import io.fullrank.proto.v1.Snapshot;
import io.fullrank.proto.v1.SnapshotChunk;

/**
 * Identity of a snapshot.
 *
 * @param run the run's name
 * @param attempt which start of the run; later starts have higher numbers
 * @param step steps done when it was taken
 */
public record SnapshotId(String run, long attempt, long step) implements Comparable<SnapshotId> {

  /** Returns the identity of the snapshot that a chunk belongs to. */
  public static SnapshotId of(SnapshotChunk chunk) {
    return new SnapshotId(chunk.getRun(), chunk.getAttempt(), chunk.getStep());
  }

  /** Returns a snapshot's identity. */
  public static SnapshotId of(Snapshot snapshot) {
    return new SnapshotId(
        snapshot.getHeader().getRun(), snapshot.getHeader().getAttempt(), snapshot.getStep());
  }

  /** Orders by run, then by age: a higher attempt is newer, then a higher step. */
  @Override
  public int compareTo(SnapshotId other) {
    int byRun = run.compareTo(other.run);
    if (byRun != 0) {
      return byRun;
    }
    int byAttempt = Long.compareUnsigned(attempt, other.attempt);
    return byAttempt != 0 ? byAttempt : Long.compareUnsigned(step, other.step);
  }

  @Override
  public String toString() {
    return "run %s, attempt %d, step %d".formatted(run, attempt, step);
  }
}
