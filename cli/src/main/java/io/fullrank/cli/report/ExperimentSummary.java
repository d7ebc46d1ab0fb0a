package io.fullrank.cli.report;

import com.google.protobuf.util.Timestamps;
import io.fullrank.cli.message.Labels;
import io.fullrank.cli.message.Runs;
import io.fullrank.cli.terminal.Decimals;
import io.fullrank.cli.terminal.TextTable;
import io.fullrank.network.experiment.Wording;
import io.fullrank.proto.v1.Certificate;
import io.fullrank.proto.v1.Comparison;
import io.fullrank.proto.v1.DataSetIdentity;
import io.fullrank.proto.v1.ExperimentSpec;
import io.fullrank.proto.v1.ExternalAlgorithm;
import io.fullrank.proto.v1.ExternalLayer;
import io.fullrank.proto.v1.ExternalNetwork;
import io.fullrank.proto.v1.GeneralizationSummary;
import io.fullrank.proto.v1.Guarantee;
import io.fullrank.proto.v1.GuaranteeStatement;
import io.fullrank.proto.v1.Outcome;
import io.fullrank.proto.v1.PairedDifference;
import io.fullrank.proto.v1.Run;
import io.fullrank.proto.v1.RunState;
import io.fullrank.proto.v1.SnapshotAccount;
import io.fullrank.proto.v1.Variant;
import io.fullrank.proto.v1.Verdict;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.ToLongFunction;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** What became of an experiment, for people. */
public final class ExperimentSummary {

  private final String experiment;
  private final ExperimentSpec spec;
  private final List<Run> runs;
  private final Comparison comparison;

  ExperimentSummary(String experiment, ExperimentSpec spec, List<Run> runs, Comparison comparison) {
    this.experiment = experiment;
    this.spec = spec;
    this.runs = runs;
    this.comparison = comparison;
  }

  /**
   * Returns the comparison, the runs' certificates and guarantees, and what became of snapshots.
   */
  public List<String> lines() {
    List<String> lines = new ArrayList<>();
    lines.add("Experiment %s: %s".formatted(experiment, subject()));
    lines.addAll(outside());
    lines.add("");
    lines.addAll(comparisonTable());
    List<Run> twoPhase = of(Variant.VARIANT_TWO_PHASE);
    if (!twoPhase.isEmpty()) {
      lines.add("");
      lines.add("Two-phase runs: the features at the switch, and what follows for phase 2");
      lines.addAll(guaranteeTable(twoPhase));
    }
    otherChecks().ifPresent(lines::add);
    lines.add("");
    lines.add(snapshots());
    return lines;
  }

  /** Returns one line for each term that {@link #lines()} uses. */
  public static List<String> explanation() {
    TextTable terms = new TextTable();
    terms.row(
        "test error", "share of unseen examples classified wrongly, mean ± standard deviation");
    terms.row("train loss", "mean loss over the training set at the end, mean over the seeds");
    terms.row("base", "the algorithm trains all layers for all steps");
    terms.row(
        "two-phase",
        "the same until the switch; then only the output layer trains, on frozen features");
    terms.row(
        "CERTIFIED",
        "proven, rounding included: the features of the training set have full row rank");
    terms.row("σ_min ≥ x", "their smallest singular value is at least x; the larger, the safer");
    terms.row(
        "limit",
        "what follows from the proof: the output layer alone can bring the training loss as close as"
            + " one likes to its infimum over all layers; how far above it the run ended is measured");
    terms.row(
        "bound",
        "for gradient descent in phase 2, computed at the switch: the training loss at a later step, of"
            + " the output layer as published, on unaugmented rows, without weight decay");
    terms.row(
        "difference", "two-phase minus base, paired by seed, with its 95% confidence interval");
    terms.row(
        "times as long",
        "mean wall time of two-phase runs over that of base runs of the same seeds, waits included");
    terms.row(
        "equivalent", "two one-sided t tests at 5%: is the difference within the stated margin?");
    return terms.lines();
  }

  private String subject() {
    List<String> networks =
        (runs.isEmpty() ? Stream.of(spec) : runs.stream().map(run -> run.getRequest().getSpec()))
            .map(described -> Wording.phrase(described.getNetwork()))
            .distinct()
            .toList();
    Optional<DataSetIdentity> data =
        runs.stream().filter(Run::hasHeader).map(run -> run.getHeader().getDataSet()).findFirst();
    List<String> parts = new ArrayList<>();
    parts.add(data.map(DataSetIdentity::getName).orElse(spec.getDataSet().getName()));
    data.flatMap(ExperimentSummary::rows).ifPresent(rows -> parts.add(rows + labelNoise()));
    parts.add(String.join("; ", networks));
    return parts.stream().filter(part -> !part.isEmpty()).collect(Collectors.joining(", "));
  }

  /** Returns how many examples there are; a client need not know. */
  private static Optional<String> rows(DataSetIdentity data) {
    List<String> counts = new ArrayList<>();
    if (data.getTrainRows() != 0) {
      counts.add(Long.toUnsignedString(data.getTrainRows()) + " training");
    }
    if (data.getTestRows() != 0) {
      counts.add(Long.toUnsignedString(data.getTestRows()) + " test");
    }
    return counts.isEmpty()
        ? Optional.empty()
        : Optional.of(String.join(" and ", counts) + " examples");
  }

  /** Returns what is to be known of runs that programs outside Fullrank train. */
  private List<String> outside() {
    List<Run> external = runs.stream().filter(Runs::isExternal).toList();
    List<String> lines = new ArrayList<>();
    external.stream()
        .map(run -> run.getRequest().getSpec())
        .map(ExperimentSummary::outside)
        .distinct()
        .forEach(lines::add);
    Runs.warningsOf(external).forEach(warning -> lines.add("  warning: " + warning));
    external.stream()
        .filter(Run::getStalled)
        .forEach(
            run ->
                lines.add(
                    "  %s is stalled: nothing heard since %s"
                        .formatted(
                            run.getRequest().getRun(), Timestamps.toString(run.getLastEventAt()))));
    return lines;
  }

  private static String outside(ExperimentSpec spec) {
    ExternalNetwork network = spec.getNetwork().getExternal();
    ExternalAlgorithm algorithm = spec.getAlgorithm().getExternal();
    String settings =
        new TreeMap<>(algorithm.getSettingsMap())
            .entrySet().stream()
                .map(setting -> setting.getKey() + " " + setting.getValue())
                .collect(Collectors.joining(", "));
    return "  trained outside Fullrank by %s with %s%s; %d layers of %d parameters;"
            .formatted(
                network.getFramework(),
                algorithm.getName().isEmpty() ? "an unnamed optimiser" : algorithm.getName(),
                settings.isEmpty() ? "" : " (%s)".formatted(settings),
                network.getLayersCount(),
                network.getLayersList().stream().mapToLong(ExternalLayer::getParameters).sum())
        + " operators below the output layer: %s; features as computed by the client"
            .formatted(Wording.analytic(network));
  }

  private String labelNoise() {
    return spec.getDataSet().hasLabelNoise()
        ? ", labels replaced with probability %s"
            .formatted(spec.getDataSet().getLabelNoise().getProbability())
        : "";
  }

  /** Returns how many runs have which outcome of each check besides expressivity. */
  private Optional<String> otherChecks() {
    Map<String, Map<String, Long>> counts =
        runs.stream()
            .flatMap(run -> Runs.otherVerdicts(run).stream())
            .collect(
                Collectors.groupingBy(
                    Verdict::getCheck,
                    TreeMap::new,
                    Collectors.groupingBy(
                        ExperimentSummary::outcome, TreeMap::new, Collectors.counting())));
    return counts.isEmpty()
        ? Optional.empty()
        : Optional.of(
            counts.entrySet().stream()
                .map(
                    check ->
                        check.getKey()
                            + check.getValue().entrySet().stream()
                                .map(each -> " %s %d".formatted(each.getKey(), each.getValue()))
                                .collect(Collectors.joining(",")))
                .collect(Collectors.joining("; ", "  other checks, runs by latest outcome: ", "")));
  }

  private static String outcome(Verdict verdict) {
    return verdict.getCertificate().getOutcome() == Outcome.OUTCOME_UNSPECIFIED
        ? "measured"
        : Labels.constant(verdict.getCertificate().getOutcome(), "OUTCOME_");
  }

  private List<String> comparisonTable() {
    TextTable table = new TextTable();
    table.row("", "seeds", "test error", "train loss", "certificate");
    variant(table, "base", comparison.getBase());
    variant(table, "two-phase", comparison.getTwoPhase());
    List<String> lines = new ArrayList<>(table.lines());
    difference().ifPresent(lines::add);
    leftOut().ifPresent(lines::add);
    if (comparison.hasWallTimeRatio()) {
      lines.add(
          "  two-phase runs took %s times as long as base runs"
              .formatted(ComparisonCells.wallTimeRatio(comparison)));
    }
    return lines;
  }

  private static void variant(TextTable table, String name, GeneralizationSummary summary) {
    if (summary.getRuns() > 0) {
      table.row(
          name,
          ComparisonCells.seeds(summary),
          ComparisonCells.testError(summary),
          ComparisonCells.trainLoss(summary),
          ComparisonCells.certificates(summary));
    }
  }

  private Optional<String> difference() {
    PairedDifference paired = comparison.getDifference();
    return ComparisonCells.difference(paired)
        .map(
            mean ->
                "  difference %s points%s; equivalent %s"
                    .formatted(
                        mean,
                        ComparisonCells.interval(paired)
                            .map(
                                interval ->
                                    " (95%% confidence: %s, %d pairs of runs)"
                                        .formatted(interval, paired.getPairs()))
                            .orElse(""),
                        ComparisonCells.equivalence(comparison)));
  }

  private Optional<String> leftOut() {
    List<String> counts = new ArrayList<>();
    if (comparison.getBase().getWithoutTestError() != 0) {
      counts.add(comparison.getBase().getWithoutTestError() + " base");
    }
    if (comparison.getTwoPhase().getWithoutTestError() != 0) {
      counts.add(comparison.getTwoPhase().getWithoutTestError() + " two-phase");
    }
    return counts.isEmpty()
        ? Optional.empty()
        : Optional.of(
            "  finished runs without a test error, which the comparison leaves out: "
                + String.join(", ", counts));
  }

  private static List<String> guaranteeTable(List<Run> runs) {
    TextTable table = new TextTable();
    for (Run run : runs) {
      table.row(
          "seed " + Long.toUnsignedString(run.getRequest().getSeed()),
          Runs.certificateOf(run).map(ExperimentSummary::certificate).orElse("no verdict"),
          outcome(run));
    }
    return table.lines();
  }

  private static String certificate(Verdict verdict) {
    Certificate certificate = verdict.getCertificate();
    String outcome = Labels.constant(certificate.getOutcome(), "OUTCOME_");
    if (certificate.getOutcome() != Outcome.OUTCOME_CERTIFIED) {
      return "%s: %s".formatted(outcome, certificate.getReason());
    }
    StringBuilder line =
        new StringBuilder(
            "%s %d × %d".formatted(outcome, certificate.getRows(), certificate.getColumns()));
    if (certificate.hasSigmaMinLowerBound()) {
      line.append(", σ_min ≥ ").append(Decimals.lowerBound(certificate.getSigmaMinLowerBound()));
    }
    if (certificate.hasSigmaMaxUpperBound()) {
      line.append(", σ_max ≤ ").append(Decimals.upperBound(certificate.getSigmaMaxUpperBound()));
    }
    line.append(", step ").append(verdict.getStep());
    if (Runs.isOfExactNetwork(verdict)) {
      line.append(", of the exact network, too");
    }
    return Runs.isOfClient(verdict)
        ? line.append(", features as computed by the client").toString()
        : line.toString();
  }

  private static String outcome(Run run) {
    if (run.getState() == RunState.RUN_STATE_FAILED
        || run.getState() == RunState.RUN_STATE_CANCELLED) {
      return "%s: %s"
          .formatted(Labels.constant(run.getState(), "RUN_STATE_"), run.getResult().getReason());
    }
    return Runs.guaranteeOf(run)
        .map(guarantee -> guarantee(guarantee, run) + source(run))
        .orElse("no guarantee was stated");
  }

  /** Nobody but the program that trains a run can see what phase 2 trains on. */
  private static String source(Run run) {
    return Runs.isExternal(run) ? ", as the client states" : "";
  }

  private static String guarantee(Guarantee guarantee, Run run) {
    if (guarantee.getStatement() == GuaranteeStatement.GUARANTEE_STATEMENT_BOUND
        && guarantee.hasLossBound()) {
      return "bound: loss ≤ %s at step %d; %s"
          .formatted(
              Decimals.upperBound(guarantee.getLossBound()),
              guarantee.getAtStep(),
              !guarantee.hasHeld()
                  ? "not known yet"
                  : (guarantee.getHeld() ? "held" : "DID NOT HOLD") + loss(run));
    }
    if (guarantee.getStatement() == GuaranteeStatement.GUARANTEE_STATEMENT_LIMIT) {
      return "limit: the output layer alone can approach the infimum of the training loss"
          + (guarantee.hasOptimalityGap()
              ? "; the final loss is at most %s above it"
                  .formatted(Decimals.upperBound(guarantee.getOptimalityGap()))
              : "");
    }
    return "no guarantee" + (guarantee.getReason().isEmpty() ? "" : ": " + guarantee.getReason());
  }

  private static String loss(Run run) {
    return run.getResult().hasFinalTrainLoss()
        ? ", the loss is " + Decimals.measured(run.getResult().getFinalTrainLoss())
        : "";
  }

  private String snapshots() {
    long lost = runs.stream().mapToLong(run -> Runs.unaccounted(run.getSnapshots())).sum();
    return "Snapshots: %d published, %d checked, %d skipped, %d dropped, %d lost"
        .formatted(
            total(SnapshotAccount::getPublished),
            total(SnapshotAccount::getChecked),
            total(SnapshotAccount::getSkipped),
            total(SnapshotAccount::getDropped),
            lost);
  }

  private long total(ToLongFunction<SnapshotAccount> count) {
    return runs.stream().map(Run::getSnapshots).mapToLong(count).sum();
  }

  private List<Run> of(Variant variant) {
    return runs.stream().filter(run -> run.getRequest().getVariant() == variant).toList();
  }
}
