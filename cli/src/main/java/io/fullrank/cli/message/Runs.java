package io.fullrank.cli.message;

import io.fullrank.network.experiment.ChosenChecks;
import io.fullrank.proto.v1.FeatureSource;
import io.fullrank.proto.v1.Guarantee;
import io.fullrank.proto.v1.Progress;
import io.fullrank.proto.v1.Run;
import io.fullrank.proto.v1.RunState;
import io.fullrank.proto.v1.SnapshotAccount;
import io.fullrank.proto.v1.Statement;
import io.fullrank.proto.v1.Variant;
import io.fullrank.proto.v1.Verdict;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

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

  /** Returns the verdict of expressivity on the newest step that it checked. */
  public static Optional<Verdict> latestVerdict(Run run) {
    return Optional.of(run.getLatestVerdict())
        .filter(verdict -> verdict.getCheck().equals(ChosenChecks.EXPRESSIVITY));
  }

  /** Returns the newest verdict of each check besides expressivity. */
  public static List<Verdict> otherVerdicts(Run run) {
    return run.getLatestVerdictsList().stream()
        .filter(verdict -> !verdict.getCheck().equals(ChosenChecks.EXPRESSIVITY))
        .toList();
  }

  /** Returns the guarantee as the end of the run left it, or as it was stated at the switch. */
  public static Optional<Guarantee> guaranteeOf(Run run) {
    if (run.getResult().hasGuarantee()) {
      return Optional.of(run.getResult().getGuarantee());
    }
    return run.hasGuarantee() ? Optional.of(run.getGuarantee()) : Optional.empty();
  }

  /** Returns whether a program outside Fullrank trains the run. */
  public static boolean isExternal(Run run) {
    return run.getRequest().getSpec().getNetwork().hasExternal();
  }

  /** Returns what trains the run: {@code fullrank}, or the framework of a program outside it. */
  public static String trainedBy(Run run) {
    return isExternal(run)
        ? run.getRequest().getSpec().getNetwork().getExternal().getFramework()
        : "fullrank";
  }

  /**
   * Returns each figure as it was reported last: an external run does not measure all at every
   * step. What was never measured is absent.
   */
  public static Progress figuresOf(Run run) {
    return run.hasLatestFigures() ? run.getLatestFigures() : run.getProgress();
  }

  /** Returns whether the certified features are as a program outside Fullrank computed them. */
  public static boolean isOfClient(Verdict verdict) {
    return verdict.getFeatureSource() == FeatureSource.FEATURE_SOURCE_CLIENT;
  }

  /** Returns whether the verdict speaks of the network in exact arithmetic, too. */
  public static boolean isOfExactNetwork(Verdict verdict) {
    return verdict.getStatement() == Statement.STATEMENT_EXACT_NETWORK;
  }

  /** Returns what the services warned of when the runs were accepted or began, each text once. */
  public static List<String> warningsOf(List<Run> runs) {
    return runs.stream()
        .flatMap(
            run ->
                Stream.concat(
                    run.getRequest().getWarningsList().stream(),
                    run.getHeader().getWarningsList().stream()))
        .distinct()
        .toList();
  }

  /** Returns published − checked − skipped − dropped; 0 once everything is accounted for. */
  public static long unaccounted(SnapshotAccount account) {
    return account.getPublished()
        - account.getChecked()
        - account.getSkipped()
        - account.getDropped();
  }
}
