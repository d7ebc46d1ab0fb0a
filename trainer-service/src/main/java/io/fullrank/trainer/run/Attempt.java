package io.fullrank.trainer.run;

import io.fullrank.trainer.checkpoint.CheckpointFile;
import java.util.List;

/**
 * One start of a run. Its number lies with the group's committed offset before it trains, so that
 * whoever takes the run over has a higher one, however long this process stands still and whatever
 * the clocks show; readers follow the highest number.
 *
 * @param number the time of the start in milliseconds, or more: higher than that of every attempt
 *     before
 * @param checkpoints what the attempt may go on from, the best first
 */
record Attempt(long number, List<CheckpointFile> checkpoints) {

  /** Returns an attempt that begins now. */
  static Attempt now(List<CheckpointFile> checkpoints) {
    long number = System.currentTimeMillis();
    for (CheckpointFile file : checkpoints) {
      number = Math.max(number, file.attempt() + 1);
    }
    return new Attempt(number, List.copyOf(checkpoints));
  }

  /** Returns this attempt with another number. */
  Attempt numbered(long other) {
    return new Attempt(other, checkpoints);
  }

  /** Returns the step of the newest checkpoint; 0 if there is none. */
  long furthestStep() {
    return checkpoints.stream().mapToLong(CheckpointFile::step).max().orElse(0);
  }
}
