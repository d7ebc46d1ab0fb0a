package io.fullrank.cli.terminal;

import io.fullrank.cli.message.Labels;
import io.fullrank.cli.message.Runs;
import io.fullrank.proto.v1.Phase;
import io.fullrank.proto.v1.Progress;
import io.fullrank.proto.v1.RuleEvent;
import io.fullrank.proto.v1.Run;
import io.fullrank.proto.v1.RunState;
import io.fullrank.proto.v1.Verdict;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
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
      line.append("  ").append(place(run));
      loss(run).ifPresent(loss -> line.append("  loss %-8s".formatted(loss)));
      testError(run).ifPresent(error -> line.append("  test error %5s".formatted(error)));
    }
    Runs.latestVerdict(run).ifPresent(verdict -> line.append("  ").append(certificate(verdict)));
    if (run.getRuleEventsCount() > 0) {
      line.append("  ").append(rule(run.getRuleEvents(run.getRuleEventsCount() - 1)));
    }
    if (run.getState() == RunState.RUN_STATE_FAILED) {
      line.append("  ").append(run.getResult().getReason());
    }
    return line.toString().stripTrailing();
  }

  private static String rule(RuleEvent event) {
    return "%s: %s at step %s"
        .formatted(
            Labels.word(event.getCondition(), "RULE_CONDITION_"),
            Labels.word(event.getAction(), "RULE_ACTION_"),
            Long.toUnsignedString(event.getStep()));
  }

  private static String place(Run run) {
    double epoch = run.getProgress().getEpoch();
    int epochs = run.getRequest().getSpec().getEpochs();
    if (epochs == 0 && epoch == 0) {
      return "step " + step(run);
    }
    return String.format(Locale.ROOT, "epoch %5.1f", epoch) + (epochs == 0 ? "" : "/" + epochs);
  }

  /** Returns the steps done and those in all, {@code 30/400}, without these if they are unknown. */
  public static String step(Run run) {
    String done = Long.toUnsignedString(run.getProgress().getStep());
    return run.getHeader().getTotalSteps() == 0
        ? done
        : done + "/" + Long.toUnsignedString(run.getHeader().getTotalSteps());
  }

  /** Returns the loss over the training set, or else that of a mini-batch, which it says. */
  public static Optional<String> loss(Run run) {
    Progress figures = Runs.figuresOf(run);
    if (figures.hasTrainLoss()) {
      return Optional.of(Decimals.measured(figures.getTrainLoss()));
    }
    return figures.hasBatchLoss()
        ? Optional.of(Decimals.measured(figures.getBatchLoss()) + " (mini-batch)")
        : Optional.empty();
  }

  /** Returns the test error, if it was measured. */
  public static Optional<String> testError(Run run) {
    Progress figures = Runs.figuresOf(run);
    return figures.hasTestError()
        ? Optional.of(Decimals.percent(figures.getTestError()))
        : Optional.empty();
  }

  private static String state(Run run) {
    if (run.getStalled()) {
      return "stalled";
    }
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
    return "%s%s at step %d%s%s%s"
        .formatted(
            Labels.constant(verdict.getCertificate().getOutcome(), "OUTCOME_"),
            bound,
            verdict.getStep(),
            verdict.hasCarriedFromStep()
                ? ", carried from step " + verdict.getCarriedFromStep()
                : "",
            Runs.isOfExactNetwork(verdict) ? ", exact network" : "",
            Runs.isOfClient(verdict) ? ", features as computed by the client" : "");
  }
}
