package io.fullrank.cli.terminal;

import io.fullrank.cli.message.Labels;
import io.fullrank.cli.message.Runs;
import io.fullrank.proto.v1.Phase;
import io.fullrank.proto.v1.Progress;
import io.fullrank.proto.v1.Run;
import io.fullrank.proto.v1.RunState;
import io.fullrank.proto.v1.Verdict;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;

/** One run in one line. */
public final class RunLine {

  private static final int BAR_CELLS = 20;

  private RunLine() {}

  /** Returns the line without a bar, for a pipe or a file. */
  static String plain(Run run) {
    return "%s  %s".formatted(name(run), status(run));
  }

  /** Returns the line with a bar, for a terminal. */
  static String withBar(Run run) {
    return "%s  %s  %s".formatted(name(run), bar(fractionDone(run)), status(run));
  }

  /**
   * Returns the beginning of a run's line: the padded name of its experiment, or nothing if all
   * runs are of one experiment.
   */
  static Function<Run, String> experiment(List<Run> among) {
    List<String> experiments =
        among.stream().map(run -> run.getRequest().getExperiment()).distinct().toList();
    if (experiments.size() <= 1) {
      return run -> "";
    }
    int width = experiments.stream().mapToInt(String::length).max().orElseThrow();
    return run -> {
      String experiment = run.getRequest().getExperiment();
      return experiment + " ".repeat(width - experiment.length() + 2);
    };
  }

  private static String name(Run run) {
    return "%-9s seed %-3s"
        .formatted(
            Labels.word(run.getRequest().getVariant(), "VARIANT_"),
            Long.toUnsignedString(run.getRequest().getSeed()));
  }

  private static String bar(double fraction) {
    int full = (int) Math.floor(fraction * BAR_CELLS);
    return "█".repeat(full) + "░".repeat(BAR_CELLS - full);
  }

  private static double fractionDone(Run run) {
    if (run.getState() == RunState.RUN_STATE_FINISHED) {
      return 1;
    }
    long total = run.getHeader().getTotalSteps();
    return total == 0 ? 0 : Math.max(0, Math.min(1, (double) run.getProgress().getStep() / total));
  }

  private static String status(Run run) {
    StringBuilder line = new StringBuilder("%-9s".formatted(state(run)));
    if (run.hasProgress()) {
      Progress progress = run.getProgress();
      line.append(
          String.format(
              Locale.ROOT,
              "  epoch %5.1f/%d  loss %-8s  test error %5s",
              progress.getEpoch(),
              run.getRequest().getSpec().getEpochs(),
              Decimals.measured(progress.getTrainLoss()),
              Decimals.percent(progress.getTestError())));
    }
    Runs.latestVerdict(run).ifPresent(verdict -> line.append("  ").append(certificate(verdict)));
    if (run.getState() == RunState.RUN_STATE_FAILED) {
      line.append("  ").append(run.getResult().getReason());
    }
    return line.toString().stripTrailing();
  }

  private static String state(Run run) {
    if (run.getState() == RunState.RUN_STATE_RUNNING && run.hasProgress()) {
      return run.getProgress().getPhase() == Phase.PHASE_TWO ? "phase 2" : "phase 1";
    }
    return Labels.word(run.getState(), "RUN_STATE_");
  }

  /** Returns what a verdict says in a few words. */
  public static String certificate(Verdict verdict) {
    String bound =
        verdict.getCertificate().hasSigmaMinLowerBound()
            ? ", σ_min ≥ " + Decimals.lowerBound(verdict.getCertificate().getSigmaMinLowerBound())
            : "";
    return "%s%s at step %d%s"
        .formatted(
            Labels.constant(verdict.getCertificate().getOutcome(), "OUTCOME_"),
            bound,
            verdict.getStep(),
            verdict.hasCarriedFromStep()
                ? ", carried from step " + verdict.getCarriedFromStep()
                : "");
  }
}
