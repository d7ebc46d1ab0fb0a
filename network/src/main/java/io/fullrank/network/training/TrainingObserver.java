package io.fullrank.network.training;

import io.fullrank.network.state.TrainingCheckpoint;
import io.fullrank.proto.v1.Guarantee;
import io.fullrank.proto.v1.Progress;
import io.fullrank.proto.v1.RuleEvent;
import io.fullrank.proto.v1.Verdict;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;

/** A listener that is told what a run does. All calls come from the thread that trains. */
public interface TrainingObserver {

  /**
   * The run begins, or goes on; called once, before all else.
   *
   * @param step steps done: 0, or where the checkpoint was taken
   */
  void started(long step);

  /**
   * Offers a copy of all that the run can go on from: before every step and the wait for a verdict
   * that may come before it, at the switch also after the verdict, and where the run stops because
   * it is cancelled. What has been told up to here belongs to the steps before it.
   *
   * @param essential whether the next offer may be long in coming: at the switch, before a wait,
   *     and where the run stops
   * @param checkpoint makes the copy; valid only during the call
   */
  void offerCheckpoint(boolean essential, Supplier<TrainingCheckpoint> checkpoint);

  /**
   * Takes a snapshot that the policy asks for, that of the last step, or the witness of a
   * perturbation by a rule; each step at most once, and none that a verdict is awaited on.
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

  /**
   * Returns the verdicts on snapshots of this attempt that have come since they were last asked
   * for, in their order. Asked only if the experiment has rules, where the policy wants a snapshot,
   * before that is taken.
   */
  List<Verdict> verdicts();

  /** Takes what a rule has done. */
  void ruleActed(RuleEvent event);

  /**
   * Keeps a checkpoint for good, since a rule says so.
   *
   * @param checkpoint as it is now
   */
  void keepCheckpoint(TrainingCheckpoint checkpoint);

  /** Takes what is guaranteed of phase 2, at the switch and whenever it changes. */
  void guarantee(Guarantee guarantee);

  /**
   * Returns whether the run is to stop; asked at every step, and after a wait for a verdict, which
   * then counts for nothing.
   */
  boolean cancelled();
}
