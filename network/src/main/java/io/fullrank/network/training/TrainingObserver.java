package io.fullrank.network.training;

import io.fullrank.proto.v1.Guarantee;
import io.fullrank.proto.v1.Progress;
import io.fullrank.proto.v1.Verdict;
import java.time.Duration;
import java.util.Optional;

/** Hears from a run. All calls come from the thread that trains. */
public interface TrainingObserver {

  /**
   * Takes a snapshot that the policy asks for, or that of the last step; each step at most once,
   * and not the switch.
   */
  void snapshot(TrainingSnapshot snapshot);

  /**
   * Takes the state of a run: once per epoch, at the switch and at the end. Its snapshot counts are
   * not set.
   */
  void progress(Progress progress);

  /**
   * Takes the witness at the switch and waits for the verdict on it.
   *
   * @param timeout how long to wait at most
   * @return the verdict; empty if none came in time
   */
  Optional<Verdict> awaitWitnessVerdict(TrainingSnapshot witness, Duration timeout);

  /** Takes what is guaranteed of phase 2, at the switch. */
  void guarantee(Guarantee guarantee);

  /** Returns whether the run is to stop; asked at every step. */
  boolean cancelled();
}
