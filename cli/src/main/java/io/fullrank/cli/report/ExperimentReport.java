package io.fullrank.cli.report;

import com.google.protobuf.util.Timestamps;
import io.fullrank.cli.failure.ExecutionFailedException;
import io.fullrank.cli.message.Labels;
import io.fullrank.cli.message.Runs;
import io.fullrank.network.algorithm.Algorithms;
import io.fullrank.network.experiment.Wording;
import io.fullrank.proto.v1.Certificate;
import io.fullrank.proto.v1.Comparison;
import io.fullrank.proto.v1.ExperimentSpec;
import io.fullrank.proto.v1.GeneralizationSummary;
import io.fullrank.proto.v1.GuaranteeStatement;
import io.fullrank.proto.v1.Measure;
import io.fullrank.proto.v1.PairedDifference;
import io.fullrank.proto.v1.RuleEvent;
import io.fullrank.proto.v1.Run;
import io.fullrank.proto.v1.RunResult;
import io.fullrank.proto.v1.SnapshotAccount;
import io.fullrank.proto.v1.Verdict;
import java.math.BigInteger;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * What became of an experiment, as {@code --json} writes it. Errors are fractions; what is not
 * known, or is not a number, is null.
 *
 * @param network with the keys that the section {@code network} of the experiment file has
 * @param algorithm with its parameters, as the section {@code algorithm}; empty if none is given
 */
public record ExperimentReport(
    String experiment,
    DataSetReport dataset,
    Map<String, Object> network,
    Map<String, Object> algorithm,
    List<RunReport> runs,
    ComparisonReport comparison) {

  private static final Pattern AFTER_HYPHEN = Pattern.compile("-([a-z0-9])");

  record DataSetReport(String name, Long train, Long test) {}

  record RunReport(
      String run,
      String variant,
      // Seeds are unsigned 64-bit numbers.
      BigInteger seed,
      String state,
      Long steps,
      Double finalTrainLoss,
      Double trainError,
      Double testError,
      // From the start to the end, waits included.
      Double seconds,
      SnapshotsReport snapshots,
      CertificateReport certificate,
      // By the name of the check, that of expressivity included: its newest verdict.
      Map<String, Map<String, Object>> checks,
      GuaranteeReport guarantee,
      // "fullrank", or the framework of the program that trains the run.
      String trainedBy,
      // In words.
      String network,
      boolean stalled,
      // In RFC 3339.
      String lastEventAt,
      List<String> warnings,
      List<RuleEventReport> ruleEvents) {}

  record RuleEventReport(
      String when,
      String action,
      long step,
      long observedStep,
      Double value,
      Double limit,
      String check,
      String layer,
      String text) {}

  record SnapshotsReport(long published, long checked, long skipped, long dropped, long lost) {}

  record CertificateReport(
      String outcome,
      String method,
      long rows,
      long columns,
      Double sigmaMinLowerBound,
      Double sigmaMaxUpperBound,
      long step,
      Long carriedFromStep,
      String featureSource,
      String statement) {}

  record GuaranteeReport(
      String solver,
      String statement,
      Double lossBound,
      long atStep,
      Double optimalityGap,
      Boolean held) {}

  record ComparisonReport(
      SummaryReport base,
      SummaryReport twoPhase,
      DifferenceReport difference,
      Double equivalenceMargin,
      Boolean equivalent,
      Double wallTimeRatio) {}

  record SummaryReport(
      Double meanTestError,
      Double stdTestError,
      int seeds,
      Double meanTrainLoss,
      Double stdTrainLoss,
      Double meanSeconds,
      int runs,
      int certified,
      int refuted,
      int undetermined,
      Double sigmaMinLowerBound,
      int withoutTestError) {}

  record DifferenceReport(int pairs, Double mean, Double ci95Low, Double ci95High) {}

  /** Collects what is known of an experiment. */
  static ExperimentReport of(
      String experiment, ExperimentSpec spec, List<Run> runs, Comparison comparison) {
    return new ExperimentReport(
        experiment,
        dataSet(spec, runs),
        Wording.network(spec.getNetwork()),
        Wording.algorithm(spec.getAlgorithm(), Algorithms.STANDARD),
        runs.stream().map(ExperimentReport::run).toList(),
        comparison(comparison));
  }

  /** Returns the report as JSON. */
  String toJson() {
    return Json.text(this);
  }

  /**
   * Writes reports as JSON, whole or not at all: one as it is, several as a list.
   *
   * @throws ExecutionFailedException if that fails
   */
  public static void write(Path file, List<ExperimentReport> reports) {
    Json.write(file, reports.size() == 1 ? reports.get(0) : reports);
  }

  private static DataSetReport dataSet(ExperimentSpec spec, List<Run> runs) {
    String name = spec.getDataSet().getName();
    return runs.stream()
        .filter(Run::hasHeader)
        .map(run -> run.getHeader().getDataSet())
        .findFirst()
        .map(data -> new DataSetReport(name, data.getTrainRows(), data.getTestRows()))
        .orElse(new DataSetReport(name, null, null));
  }

  private static RunReport run(Run run) {
    RunResult result = run.getResult();
    return new RunReport(
        run.getRequest().getRun(),
        Labels.word(run.getRequest().getVariant(), "VARIANT_"),
        new BigInteger(Long.toUnsignedString(run.getRequest().getSeed())),
        Labels.constant(run.getState(), "RUN_STATE_"),
        run.hasResult() ? (Long) result.getSteps() : null,
        result.hasFinalTrainLoss() ? finite(result.getFinalTrainLoss()) : null,
        result.hasTrainError() ? finite(result.getTrainError()) : null,
        result.hasTestError() ? finite(result.getTestError()) : null,
        run.hasResult() ? finite(result.getSeconds()) : null,
        snapshots(run.getSnapshots()),
        Runs.certificateOf(run).map(ExperimentReport::certificate).orElse(null),
        checks(run),
        Runs.guaranteeOf(run)
            .filter(
                guarantee ->
                    guarantee.getStatement() == GuaranteeStatement.GUARANTEE_STATEMENT_LIMIT
                        || guarantee.getStatement() == GuaranteeStatement.GUARANTEE_STATEMENT_BOUND)
            .map(
                guarantee ->
                    new GuaranteeReport(
                        guarantee.getSolver(),
                        Labels.word(guarantee.getStatement(), "GUARANTEE_STATEMENT_"),
                        guarantee.hasLossBound() ? finite(guarantee.getLossBound()) : null,
                        guarantee.getAtStep(),
                        guarantee.hasOptimalityGap() ? finite(guarantee.getOptimalityGap()) : null,
                        guarantee.hasHeld() ? (Boolean) guarantee.getHeld() : null))
            .orElse(null),
        Runs.trainedBy(run),
        Wording.phrase(run.getRequest().getSpec().getNetwork()),
        run.getStalled(),
        run.hasLastEventAt() ? Timestamps.toString(run.getLastEventAt()) : null,
        Runs.warningsOf(List.of(run)),
        run.getRuleEventsList().stream().map(ExperimentReport::ruleEvent).toList());
  }

  private static RuleEventReport ruleEvent(RuleEvent event) {
    return new RuleEventReport(
        Labels.word(event.getCondition(), "RULE_CONDITION_"),
        Labels.word(event.getAction(), "RULE_ACTION_"),
        event.getStep(),
        event.getObservedStep(),
        event.hasValue() ? finite(event.getValue()) : null,
        event.hasLimit() ? finite(event.getLimit()) : null,
        event.getCheck().isEmpty() ? null : event.getCheck(),
        event.getLayer().isEmpty() ? null : event.getLayer(),
        event.getText());
  }

  private static SnapshotsReport snapshots(SnapshotAccount account) {
    return new SnapshotsReport(
        account.getPublished(),
        account.getChecked(),
        account.getSkipped(),
        account.getDropped(),
        Runs.unaccounted(account));
  }

  private static Map<String, Map<String, Object>> checks(Run run) {
    Map<String, Map<String, Object>> checks = new LinkedHashMap<>();
    run.getLatestVerdictsList().forEach(verdict -> checks.put(verdict.getCheck(), check(verdict)));
    return checks;
  }

  /** What a check found about the network as a whole, whatever check it is. */
  private static Map<String, Object> check(Verdict verdict) {
    Map<String, Object> check = new LinkedHashMap<>();
    if (verdict.hasCertificate()) {
      Certificate certificate = verdict.getCertificate();
      check.put("outcome", Labels.constant(certificate.getOutcome(), "OUTCOME_"));
      check.put("method", Labels.constant(certificate.getMethod(), "CERTIFICATE_METHOD_"));
      check.put("rows", certificate.getRows());
      check.put("columns", certificate.getColumns());
      check.put("layers", List.copyOf(verdict.getLayersList()));
      check.put(
          "sigmaMinLowerBound",
          certificate.hasSigmaMinLowerBound() ? finite(certificate.getSigmaMinLowerBound()) : null);
      check.put("reason", certificate.getReason());
    }
    if (verdict.hasExamples()) {
      check.put("examples", verdict.getExamples());
    }
    check.put("step", verdict.getStep());
    verdict.getMeasuresList().stream()
        .filter(measure -> measure.getLayer().isEmpty())
        .forEach(measure -> check.putIfAbsent(key(measure), finite(measure.getValue())));
    return check;
  }

  /** The measure's name in camel case, which says so where it is a bound. */
  private static String key(Measure measure) {
    String bound =
        switch (measure.getKind()) {
          case MEASURE_KIND_LOWER_BOUND -> "-lower-bound";
          case MEASURE_KIND_UPPER_BOUND -> "-upper-bound";
          default -> "";
        };
    String name =
        measure.getName().endsWith("-bound") ? measure.getName() : measure.getName() + bound;
    return AFTER_HYPHEN.matcher(name).replaceAll(match -> match.group(1).toUpperCase(Locale.ROOT));
  }

  private static CertificateReport certificate(Verdict verdict) {
    Certificate certificate = verdict.getCertificate();
    return new CertificateReport(
        Labels.constant(certificate.getOutcome(), "OUTCOME_"),
        Labels.constant(certificate.getMethod(), "CERTIFICATE_METHOD_"),
        certificate.getRows(),
        certificate.getColumns(),
        certificate.hasSigmaMinLowerBound() ? finite(certificate.getSigmaMinLowerBound()) : null,
        certificate.hasSigmaMaxUpperBound() ? finite(certificate.getSigmaMaxUpperBound()) : null,
        verdict.getStep(),
        verdict.hasCarriedFromStep() ? (Long) verdict.getCarriedFromStep() : null,
        Runs.isOfClient(verdict) ? "CLIENT" : "RECOMPUTED",
        Runs.isOfExactNetwork(verdict) ? "EXACT_NETWORK" : "AS_COMPUTED");
  }

  private static ComparisonReport comparison(Comparison comparison) {
    PairedDifference difference = comparison.getDifference();
    return new ComparisonReport(
        summary(comparison.getBase()),
        summary(comparison.getTwoPhase()),
        new DifferenceReport(
            difference.getPairs(),
            difference.hasMean() ? finite(difference.getMean()) : null,
            difference.hasCi95Low() ? finite(difference.getCi95Low()) : null,
            difference.hasCi95High() ? finite(difference.getCi95High()) : null),
        finite(comparison.getEquivalenceMargin()),
        comparison.hasEquivalent() ? (Boolean) comparison.getEquivalent() : null,
        comparison.hasWallTimeRatio() ? finite(comparison.getWallTimeRatio()) : null);
  }

  private static SummaryReport summary(GeneralizationSummary summary) {
    return new SummaryReport(
        summary.hasMeanTestError() ? finite(summary.getMeanTestError()) : null,
        summary.hasStdTestError() ? finite(summary.getStdTestError()) : null,
        summary.getSeeds(),
        summary.hasMeanTrainLoss() ? finite(summary.getMeanTrainLoss()) : null,
        summary.hasStdTrainLoss() ? finite(summary.getStdTrainLoss()) : null,
        summary.hasMeanSeconds() ? finite(summary.getMeanSeconds()) : null,
        summary.getRuns(),
        summary.getCertified(),
        summary.getRefuted(),
        summary.getUndetermined(),
        summary.hasSigmaMinLowerBound() ? finite(summary.getSigmaMinLowerBound()) : null,
        summary.getWithoutTestError());
  }

  private static Double finite(double value) {
    return Double.isFinite(value) ? (Double) value : null;
  }
}
