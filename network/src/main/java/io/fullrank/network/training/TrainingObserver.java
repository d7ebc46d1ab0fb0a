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
   * and none that a verdict is awaited on.
   */
  void snapshot(TrainingSnapshot snapshot);

  /**
   * Takes the state of a run: once per epoch, at the switch and at the end. Its snapshot counts are
   * not set.
   */
  void progress(Progress progress);

  /**
   * Takes a witness, a state that phase 2 builds on, and waits for the verdict on it: at the
   * switch, and where hidden layers have moved as far as the last one allows.
   *
   * @param timeout how long to wait at most
   * @return the verdict; empty if none came in time
   */
  Optional<Verdict> awaitVerdict(TrainingSnapshot witness, Duration timeout);

  /** Takes what is guaranteed of phase 2, at the switch and whenever it changes. */
  void guarantee(Guarantee guarantee);

  /** Returns whether the run is to stop; asked at every step. */
  boolean cancelled();
}
