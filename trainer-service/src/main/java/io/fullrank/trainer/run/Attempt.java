package io.fullrank.trainer.run;

import io.fullrank.trainer.checkpoint.CheckpointFile;
import java.util.List;

/**
 * One start of a run, as its trainer sees it before Kafka has confirmed that the run is its own.
 * Whoever takes the run over after that has a higher number, however long this process stands still
 * before it trains, and readers follow the highest number.
 *
 * @param number the time of the start in milliseconds, and higher than that of every attempt that
 *     left a checkpoint: later attempts get higher numbers, although no one counts them
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

  /** Returns the step of the newest checkpoint; 0 if there is none. */
  long furthestStep() {
    return checkpoints.stream().mapToLong(CheckpointFile::step).max().orElse(0);
  }
}
