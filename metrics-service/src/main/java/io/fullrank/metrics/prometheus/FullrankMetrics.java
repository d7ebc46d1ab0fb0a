package io.fullrank.metrics.prometheus;

import com.google.protobuf.Timestamp;
import io.fullrank.messaging.HangingTransactions;
import io.fullrank.metrics.store.CheckLedger;
import io.fullrank.metrics.store.HeldPartitions;
import io.fullrank.metrics.store.RunHistory;
import io.fullrank.metrics.store.RunRecord;
import io.fullrank.metrics.store.RunTotals;
import io.fullrank.proto.Topic;
import io.fullrank.proto.v1.AlgorithmSpec;
import io.fullrank.proto.v1.Certificate;
import io.fullrank.proto.v1.ExperimentSpec;
import io.fullrank.proto.v1.Measure;
import io.fullrank.proto.v1.NetworkSpec;
import io.fullrank.proto.v1.Outcome;
import io.fullrank.proto.v1.Phase;
import io.fullrank.proto.v1.Progress;
import io.fullrank.proto.v1.RuleAction;
import io.fullrank.proto.v1.RuleCondition;
import io.fullrank.proto.v1.RuleEvent;
import io.fullrank.proto.v1.Run;
import io.fullrank.proto.v1.RunRequest;
import io.fullrank.proto.v1.RunState;
import io.fullrank.proto.v1.SnapshotAccount;
import io.fullrank.proto.v1.Verdict;
import io.prometheus.client.Collector;
import io.prometheus.client.Counter;
import io.prometheus.client.GaugeMetricFamily;
import io.prometheus.client.Histogram;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import java.util.function.LongSupplier;
import java.util.function.Predicate;
import java.util.function.Supplier;
import java.util.function.ToDoubleFunction;

/**
 * All metrics of the service's own: names, labels and help texts.
 *
 * <p>Series of a run are made from its state at each scrape, so that they are gone with its end; a
 * scrape reads no other run. Counters and histograms count the records that this process has read,
 * from 0 at its start: each record is read once, whatever instance does. Until the state is there,
 * nothing but the build and what is still to be read is shown, so that no one mistakes the way
 * there for news.
 */
public final class FullrankMetrics extends Collector {

  private static final List<String> RUN_LABELS = List.of("run", "experiment", "variant", "seed");
  private static final List<Outcome> OUTCOMES =
      List.of(Outcome.OUTCOME_CERTIFIED, Outcome.OUTCOME_REFUTED, Outcome.OUTCOME_UNDETERMINED);
  private static final List<RuleCondition> CONDITIONS =
      List.of(
          RuleCondition.RULE_CONDITION_CERTIFICATE_LAPSED,
          RuleCondition.RULE_CONDITION_RANK_COLLAPSE,
          RuleCondition.RULE_CONDITION_GRADIENT_BOUND_VIOLATED,
          RuleCondition.RULE_CONDITION_LOSS_DIVERGED,
          RuleCondition.RULE_CONDITION_GUARANTEE_VIOLATED);
  private static final List<RuleAction> ACTIONS =
      List.of(
          RuleAction.RULE_ACTION_STOP,
          RuleAction.RULE_ACTION_CHECKPOINT,
          RuleAction.RULE_ACTION_PERTURB);
  private static final List<RunState> STATES =
      List.of(
          RunState.RUN_STATE_PENDING,
          RunState.RUN_STATE_RUNNING,
          RunState.RUN_STATE_FINISHED,
          RunState.RUN_STATE_FAILED,
          RunState.RUN_STATE_CANCELLED);

  /** Checks that verdicts are counted by; all others are counted together. */
  private static final int MOST_CHECKS = 50;

  /**
   * Series of measures that a run may have: 50 layers of four measures. Without a limit, a deep
   * network has thousands, and so has each further run.
   */
  private static final int MEASURES_PER_RUN = 200;

  /**
   * A figure of a run.
   *
   * @param value empty if the run has not reported it
   */
  private record RunGauge(String name, String help, Function<Run, OptionalDouble> value) {}

  /**
   * The figures of which each active run has a series, besides the outcome of its latest verdict.
   */
  private static final List<RunGauge> RUN_GAUGES =
      List.of(
          new RunGauge("fullrank_run_step", "Steps done.", ofProgress(Progress::getStep)),
          new RunGauge(
              "fullrank_run_epoch",
              "Passes over the training set done.",
              ofProgress(Progress::getEpoch)),
          new RunGauge(
              "fullrank_run_phase",
              "The phase of the latest progress, 1 or 2.",
              ofProgress(progress -> progress.getPhase() == Phase.PHASE_TWO ? 2 : 1)),
          new RunGauge(
              "fullrank_run_train_loss",
              "Mean loss over the training set.",
              measured(Progress::hasTrainLoss, Progress::getTrainLoss)),
          new RunGauge(
              "fullrank_run_batch_loss",
              "Loss of the last step's mini-batch, of runs trained outside Fullrank.",
              measured(Progress::hasBatchLoss, Progress::getBatchLoss)),
          new RunGauge(
              "fullrank_run_test_loss",
              "Mean loss over the test set.",
              measured(Progress::hasTestLoss, Progress::getTestLoss)),
          new RunGauge(
              "fullrank_run_train_error_ratio",
              "Fraction of training rows classified wrongly.",
              measured(Progress::hasTrainError, Progress::getTrainError)),
          new RunGauge(
              "fullrank_run_test_error_ratio",
              "Fraction of test rows classified wrongly.",
              measured(Progress::hasTestError, Progress::getTestError)),
          new RunGauge(
              "fullrank_run_generalization_gap_ratio",
              "Test error minus training error.",
              measured(
                  progress -> progress.hasTestError() && progress.hasTrainError(),
                  progress -> progress.getTestError() - progress.getTrainError())),
          new RunGauge(
              "fullrank_run_stalled",
              "1 if a run trained outside Fullrank has been silent for three of its heartbeats.",
              run -> OptionalDouble.of(run.getStalled() ? 1 : 0)),
          new RunGauge(
              "fullrank_run_last_event_timestamp_seconds",
              "When the run was last heard of, in seconds since 1970.",
              run ->
                  run.hasLastEventAt()
                      ? OptionalDouble.of(seconds(run.getLastEventAt()))
                      : OptionalDouble.empty()),
          new RunGauge(
              "fullrank_run_sigma_min_lower_bound",
              "Proven lower bound on the features' smallest singular value, from the latest verdict"
                  + " of expressivity.",
              run ->
                  expressivity(run)
                      .filter(Certificate::hasSigmaMinLowerBound)
                      .map(certificate -> OptionalDouble.of(certificate.getSigmaMinLowerBound()))
                      .orElseGet(OptionalDouble::empty)),
          new RunGauge(
              "fullrank_run_start_timestamp_seconds",
              "When the run started, in seconds since 1970.",
              run ->
                  run.getHeader().hasStartedAt()
                      ? OptionalDouble.of(seconds(run.getHeader().getStartedAt()))
                      : OptionalDouble.empty()),
          new RunGauge(
              "fullrank_run_latest_verdict_timestamp_seconds",
              "When the latest verdict of any check was made, in seconds since 1970.",
              run ->
                  run.getLatestVerdictsList().stream()
                      .filter(Verdict::hasCheckedAt)
                      .mapToDouble(verdict -> seconds(verdict.getCheckedAt()))
                      .max()),
          new RunGauge(
              "fullrank_run_snapshots_published",
              "Snapshots that the run's policy asked for.",
              ofSnapshots(SnapshotAccount::getPublished)),
          new RunGauge(
              "fullrank_run_snapshots_checked",
              "Snapshots with a verdict.",
              ofSnapshots(SnapshotAccount::getChecked)),
          new RunGauge(
              "fullrank_run_snapshots_skipped",
              "Snapshots that the checkers left out.",
              ofSnapshots(SnapshotAccount::getSkipped)),
          new RunGauge(
              "fullrank_run_snapshots_dropped",
              "Snapshots that never reached the broker.",
              ofSnapshots(SnapshotAccount::getDropped)),
          new RunGauge(
              "fullrank_run_snapshots_unaccounted",
              "Snapshots published that were neither checked nor skipped nor dropped yet.",
              ofSnapshots(RunHistory::unaccounted)));

  private final HeldPartitions held;
  private final CatchUp catchUp;
  private final Supplier<Map<String, Long>> lag;
  private final LongSupplier hanging;
  private final int activeRunLimit;
  private final String version;

  private final Counter recordsRead =
      Counter.build("fullrank_records_read_total", "Records read from the topics, by source topic.")
          .labelNames("topic")
          .create();
  private final Counter deadLetters =
      Counter.build(
              "fullrank_dead_letters_total",
              "Records that could not be read and were set aside, by source topic.")
          .labelNames("topic")
          .create();
  private final Counter verdicts =
      Counter.build(
              "fullrank_verdicts_total",
              "Verdicts on snapshots, by check and outcome; measured are those without a certificate.")
          .labelNames("check", "outcome")
          .create();
  private final Counter rulesActed =
      Counter.build(
              "fullrank_rules_acted_total",
              "What rules of experiments did, or advised programs outside Fullrank to do.")
          .labelNames("condition", "action")
          .create();
  // Only the thread that applies records adds to it.
  private final Set<String> countedChecks = ConcurrentHashMap.newKeySet();
  private final Histogram checkDuration =
      Histogram.build(
              "fullrank_check_duration_seconds", "Time that checkers took for one certificate.")
          .buckets(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
          .create();
  private final Histogram verdictLatency =
      Histogram.build(
              "fullrank_verdict_latency_seconds", "Time from taking a snapshot to its verdict.")
          .buckets(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600)
          .create();

  /**
   * Creates the metrics; nothing is registered yet.
   *
   * @param lag tells how many records of topics are yet to be read
   * @param hanging tells how many transactions hang
   * @param activeRunLimit how many runs at most have series of their own
   * @param version the version of the service
   */
  public FullrankMetrics(
      HeldPartitions held,
      CatchUp catchUp,
      Supplier<Map<String, Long>> lag,
      LongSupplier hanging,
      int activeRunLimit,
      String version) {
    this.held = held;
    this.catchUp = catchUp;
    this.lag = lag;
    this.hanging = hanging;
    this.activeRunLimit = activeRunLimit;
    this.version = version;
    // Shown as 0 before the first one counts.
    for (Topic topic : RunRecord.SOURCES) {
      recordsRead.labels(topic.name());
      deadLetters.labels(topic.name());
    }
    for (RuleCondition condition : CONDITIONS) {
      ACTIONS.forEach(action -> rulesActed.labels(label(condition), label(action)));
    }
    OUTCOMES.forEach(outcome -> verdicts.labels(CheckLedger.EXPRESSIVITY, label(outcome)));
    countedChecks.add(CheckLedger.EXPRESSIVITY);
  }

  /** Counts a record of a topic. */
  public void recordRead(Topic topic) {
    recordsRead.labels(topic.name()).inc();
  }

  /** Counts a record of a topic that does not follow the wire contract. */
  public void recordUnreadable(Topic topic) {
    deadLetters.labels(topic.name()).inc();
  }

  /** Counts what a record says. */
  public void recordTaken(RunRecord record) {
    if (record instanceof RunRecord.Checked checked) {
      Verdict verdict = checked.verdict();
      verdicts
          .labels(counted(verdict.getCheck()), label(verdict.getCertificate().getOutcome()))
          .inc();
      if (verdict.hasCertificate()) {
        // An exemplar leads from a bucket to a run that fell into it.
        checkDuration.observeWithExemplar(
            verdict.getCertificate().getSeconds(), "run", verdict.getRun());
      }
      if (verdict.hasSnapshotTakenAt() && verdict.hasCheckedAt()) {
        // Taken by different machines' clocks: what comes out negative took next to nothing.
        verdictLatency.observeWithExemplar(
            Math.max(0, seconds(verdict.getCheckedAt()) - seconds(verdict.getSnapshotTakenAt())),
            "run",
            verdict.getRun());
      }
    } else if (record instanceof RunRecord.Reported reported && reported.event().hasRule()) {
      RuleEvent rule = reported.event().getRule();
      rulesActed.labels(label(rule.getCondition()), label(rule.getAction())).inc();
    }
  }

  /** Returns the label of a check: names come with records, and there may be any number of them. */
  private String counted(String check) {
    boolean known =
        countedChecks.contains(check)
            || (countedChecks.size() < MOST_CHECKS && countedChecks.add(check));
    return known ? check : "other";
  }

  @Override
  public List<MetricFamilySamples> collect() {
    List<MetricFamilySamples> families = new ArrayList<>();
    families.add(
        family(
                "fullrank_build_info",
                "Always 1; the labels say what runs.",
                "service",
                "version",
                "java")
            .addMetric(List.of("metrics", version, Runtime.version().toString()), 1));
    GaugeMetricFamily behind =
        family(
            "fullrank_metrics_lag_records",
            "Records not yet read, by source topic, in the partitions of this instance.",
            "topic");
    lag.get().forEach((topic, records) -> behind.addMetric(List.of(topic), records));
    families.add(behind);
    families.add(
        family("fullrank_hanging_transactions", HangingTransactions.METRIC_HELP)
            .addMetric(List.of(), hanging.getAsLong()));
    if (catchUp.isDone()) {
      for (Collector counted :
          List.of(recordsRead, deadLetters, verdicts, rulesActed, checkDuration, verdictLatency)) {
        families.addAll(counted.collect());
      }
      families.add(
          family("fullrank_run_watchers", "Clients that are watching a run.")
              .addMetric(List.of(), held.watcherCount()));
      addRuns(families, held.totals());
    }
    return families;
  }

  private void addRuns(List<MetricFamilySamples> families, RunTotals totals) {
    GaugeMetricFamily byState = family("fullrank_runs", "Runs known, by state.", "state");
    for (RunState state : STATES) {
      byState.addMetric(List.of(label("RUN_STATE_", state)), (double) totals.runs(state));
    }
    families.add(byState);
    families.add(
        family(
                "fullrank_ended_runs_snapshots_unaccounted",
                "Snapshots of ended runs that were neither checked nor skipped nor dropped: lost,"
                    + " once the checkers have nothing left to read.")
            .addMetric(List.of(), (double) totals.unaccounted()));
    families.add(
        family(
                "fullrank_ended_runs_guarantees",
                "Runs that ended with a bound on their loss, by whether they kept it.",
                "result")
            .addMetric(List.of("held"), (double) totals.held())
            .addMetric(List.of("violated"), (double) totals.violated()));
    families.add(
        family(
                "fullrank_active_runs_over_limit",
                "Running runs that have no series of their own because there are too many.")
            .addMetric(
                List.of(),
                (double) Math.max(0, totals.runs(RunState.RUN_STATE_RUNNING) - activeRunLimit)));
    addActiveRuns(families);
  }

  private void addActiveRuns(List<MetricFamilySamples> families) {
    GaugeMetricFamily info =
        runFamily(
            "fullrank_run_info",
            "Always 1; the labels say what is trained, with what: the framework is fullrank where a"
                + " trainer trains.",
            "framework",
            "network",
            "algorithm");
    families.add(info);
    Map<RunGauge, GaugeMetricFamily> gauges = new LinkedHashMap<>();
    for (RunGauge gauge : RUN_GAUGES) {
      gauges.put(gauge, runFamily(gauge.name, gauge.help));
    }
    families.addAll(gauges.values());
    GaugeMetricFamily outcome =
        runFamily(
            "fullrank_run_certificate_outcome",
            "1 for the outcome of the latest verdict of expressivity, 0 for the others.",
            "outcome");
    families.add(outcome);
    GaugeMetricFamily checkOutcome =
        runFamily(
            "fullrank_run_check_outcome",
            "1 for the outcome of the latest verdict of each check, 0 for the others.",
            "check",
            "outcome");
    families.add(checkOutcome);
    GaugeMetricFamily measure =
        runFamily(
            "fullrank_run_measure",
            "What the latest verdict of each check has measured or proven; layer is empty where it is"
                + " about the network.",
            "check",
            "name",
            "kind",
            "layer");
    families.add(measure);
    GaugeMetricFamily measuresOverLimit =
        runFamily(
            "fullrank_run_measures_over_limit",
            "Measures of the run that have no series of their own because there are too many.");
    families.add(measuresOverLimit);
    held.showRunning(
        activeRunLimit,
        run -> {
          List<String> labels = labels(run.getRequest());
          info.addMetric(with(labels, description(run.getRequest().getSpec())), 1);
          gauges.forEach(
              (gauge, series) ->
                  gauge.value.apply(run).ifPresent(value -> series.addMetric(labels, value)));
          expressivity(run)
              .ifPresent(certificate -> addOutcomes(outcome, labels, certificate.getOutcome()));
          for (Verdict verdict : run.getLatestVerdictsList()) {
            if (verdict.hasCertificate()) {
              addOutcomes(
                  checkOutcome,
                  with(labels, verdict.getCheck()),
                  verdict.getCertificate().getOutcome());
            }
          }
          Map<List<String>, Double> measures = measures(run);
          measures.entrySet().stream()
              .limit(MEASURES_PER_RUN)
              .forEach(
                  series -> {
                    List<String> all = new ArrayList<>(labels);
                    all.addAll(series.getKey());
                    measure.addMetric(all, series.getValue());
                  });
          measuresOverLimit.addMetric(
              labels, (double) Math.max(0, measures.size() - MEASURES_PER_RUN));
        });
  }

  private static void addOutcomes(GaugeMetricFamily family, List<String> labels, Outcome latest) {
    for (Outcome possible : OUTCOMES) {
      family.addMetric(with(labels, label(possible)), latest == possible ? 1 : 0);
    }
  }

  /**
   * Returns the measures of the latest verdicts by check, name, kind and layer; those about whole
   * networks come first, and of several with the same labels the first counts.
   */
  private static Map<List<String>, Double> measures(Run run) {
    Map<List<String>, Double> ofNetwork = new LinkedHashMap<>();
    Map<List<String>, Double> ofLayers = new LinkedHashMap<>();
    for (Verdict verdict : run.getLatestVerdictsList()) {
      for (Measure measure : verdict.getMeasuresList()) {
        (measure.getLayer().isEmpty() ? ofNetwork : ofLayers)
            .putIfAbsent(
                List.of(
                    verdict.getCheck(),
                    measure.getName(),
                    label("MEASURE_KIND_", measure.getKind()),
                    measure.getLayer()),
                measure.getValue());
      }
    }
    ofNetwork.putAll(ofLayers);
    return ofNetwork;
  }

  /** Returns the certificate of the latest verdict of expressivity. */
  private static Optional<Certificate> expressivity(Run run) {
    return Optional.of(run.getLatestVerdict())
        .filter(verdict -> verdict.getCheck().equals(CheckLedger.EXPRESSIVITY))
        .map(Verdict::getCertificate);
  }

  private static Function<Run, OptionalDouble> ofProgress(ToDoubleFunction<Progress> figure) {
    return run ->
        run.hasProgress()
            ? OptionalDouble.of(figure.applyAsDouble(run.getProgress()))
            : OptionalDouble.empty();
  }

  /** Returns a figure as it was measured last; it is shown only where it was. */
  private static Function<Run, OptionalDouble> measured(
      Predicate<Progress> isMeasured, ToDoubleFunction<Progress> figure) {
    return run -> {
      Progress latest = run.hasLatestFigures() ? run.getLatestFigures() : run.getProgress();
      return isMeasured.test(latest)
          ? OptionalDouble.of(figure.applyAsDouble(latest))
          : OptionalDouble.empty();
    };
  }

  private static Function<Run, OptionalDouble> ofSnapshots(
      ToDoubleFunction<SnapshotAccount> count) {
    return run -> OptionalDouble.of(count.applyAsDouble(run.getSnapshots()));
  }

  private static GaugeMetricFamily family(String name, String help, String... labels) {
    return new GaugeMetricFamily(name, help, Arrays.asList(labels));
  }

  private static GaugeMetricFamily runFamily(String name, String help, String... furtherLabels) {
    return new GaugeMetricFamily(name, help, with(RUN_LABELS, furtherLabels));
  }

  private static List<String> labels(RunRequest request) {
    return List.of(
        request.getRun(),
        request.getExperiment(),
        label("VARIANT_", request.getVariant()),
        Long.toUnsignedString(request.getSeed()));
  }

  /** Returns framework, network and algorithm. */
  private static String[] description(ExperimentSpec spec) {
    NetworkSpec network = spec.getNetwork();
    AlgorithmSpec algorithm = spec.getAlgorithm();
    return new String[] {
      network.hasExternal() ? network.getExternal().getFramework() : "fullrank",
      network.hasExternal()
          ? network.getExternal().getModel()
          : label("ARCHITECTURE_", network.getArchitectureCase()),
      switch (algorithm.getAlgorithmCase()) {
        case EXTERNAL -> algorithm.getExternal().getName();
        case NAMED -> algorithm.getNamed().getName();
        default -> label("ALGORITHM_", algorithm.getAlgorithmCase());
      }
    };
  }

  private static String label(Outcome outcome) {
    return outcome == Outcome.OUTCOME_UNSPECIFIED ? "measured" : label("OUTCOME_", outcome);
  }

  private static String label(RuleCondition condition) {
    return label("RULE_CONDITION_", condition);
  }

  private static String label(RuleAction action) {
    return label("RULE_ACTION_", action);
  }

  private static String label(String prefix, Enum<?> value) {
    return value.name().replaceFirst("^" + prefix, "").toLowerCase(Locale.ROOT).replace('_', '-');
  }

  private static List<String> with(List<String> labels, String... further) {
    List<String> all = new ArrayList<>(labels);
    all.addAll(Arrays.asList(further));
    return all;
  }

  private static double seconds(Timestamp at) {
    return at.getSeconds() + at.getNanos() / 1e9;
  }
}
