package io.fullrank.cli.message;

import io.fullrank.proto.v1.Guarantee;
import io.fullrank.proto.v1.Run;
import io.fullrank.proto.v1.RunState;
import io.fullrank.proto.v1.SnapshotAccount;
import io.fullrank.proto.v1.Variant;
import io.fullrank.proto.v1.Verdict;
import java.util.Optional;

/** What the command line reads out of a run as the metrics service knows it. */
public final class Runs {

  private Runs() {}

  /** Returns whether the run will not change any more, except for verdicts. */
  public static boolean hasEnded(Run run) {
    return run.getState() == RunState.RUN_STATE_FINISHED
        || run.getState() == RunState.RUN_STATE_FAILED
        || run.getState() == RunState.RUN_STATE_CANCELLED;
  }

  /**
   * Returns the verdict that counts, by the rule of the metrics service's comparison: for a
   * two-phase run the verdict on its witness, on whose features phase 2 trains; for a base run the
   * latest.
   */
  public static Optional<Verdict> certificateOf(Run run) {
    if (run.getRequest().getVariant() == Variant.VARIANT_TWO_PHASE) {
      return run.hasWitnessVerdict() ? Optional.of(run.getWitnessVerdict()) : Optional.empty();
    }
    return latestVerdict(run);
  }

  /** Returns the verdict on the newest step that was checked. */
  public static Optional<Verdict> latestVerdict(Run run) {
    return run.hasLatestVerdict() ? Optional.of(run.getLatestVerdict()) : Optional.empty();
  }

  /** Returns the guarantee as the end of the run left it, or as it was stated at the switch. */
  public static Optional<Guarantee> guaranteeOf(Run run) {
    if (run.getResult().hasGuarantee()) {
      return Optional.of(run.getResult().getGuarantee());
    }
    return run.hasGuarantee() ? Optional.of(run.getGuarantee()) : Optional.empty();
  }

  /** Returns published − checked − skipped − dropped; 0 once everything is accounted for. */
  public static long unaccounted(SnapshotAccount account) {
    return account.getPublished()
        - account.getChecked()
        - account.getSkipped()
        - account.getDropped();
  }
}
