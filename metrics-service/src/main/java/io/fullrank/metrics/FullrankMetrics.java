package io.fullrank.metrics;

import com.google.protobuf.Timestamp;
import io.fullrank.proto.Topic;
import io.fullrank.proto.v1.Certificate;
import io.fullrank.proto.v1.Outcome;
import io.fullrank.proto.v1.Progress;
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
import java.util.List;
import java.util.Locale;

/**
 * All metrics of the service's own: names, labels and help texts.
 *
 * <p>Series of a run are made from its state at each scrape, so that they are gone with its end.
 * Counters and histograms count what the topics hold, whoever read it before: a restart reads all
 * of it again and comes to the same numbers. Until it has, nothing but the build is shown, so that
 * no one mistakes the way there for news.
 */
public final class FullrankMetrics extends Collector {

  private static final List<String> RUN_LABELS = List.of("run", "experiment", "variant", "seed");
  private static final List<Outcome> OUTCOMES =
      List.of(Outcome.OUTCOME_CERTIFIED, Outcome.OUTCOME_REFUTED, Outcome.OUTCOME_UNDETERMINED);
  private static final List<RunState> STATES =
      List.of(
          RunState.RUN_STATE_PENDING,
          RunState.RUN_STATE_RUNNING,
          RunState.RUN_STATE_FINISHED,
          RunState.RUN_STATE_FAILED,
          RunState.RUN_STATE_CANCELLED);

  private final RunStore store;
  private final CatchUp catchUp;
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
      Counter.build("fullrank_verdicts_total", "Verdicts on snapshots, by outcome.")
          .labelNames("outcome")
          .create();
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
   * @param activeRunLimit how many runs at most have series of their own
   * @param version the version of the service
   */
  FullrankMetrics(RunStore store, CatchUp catchUp, int activeRunLimit, String version) {
    this.store = store;
    this.catchUp = catchUp;
    this.activeRunLimit = activeRunLimit;
    this.version = version;
    // Shown as 0 before the first one counts.
    for (Topic topic : RunTopology.SOURCES) {
      recordsRead.labels(topic.name());
      deadLetters.labels(topic.name());
    }
    OUTCOMES.forEach(outcome -> verdicts.labels(label(outcome)));
  }

  /** Counts a record of a topic. */
  void recordRead(Topic topic) {
    recordsRead.labels(topic.name()).inc();
  }

  /** Counts a record of a topic that does not follow the wire contract. */
  void recordUnreadable(Topic topic) {
    deadLetters.labels(topic.name()).inc();
  }

  /** Counts what a record says. */
  void recordTaken(RunRecord record) {
    if (record instanceof RunRecord.Checked checked) {
      Verdict verdict = checked.verdict();
      verdicts.labels(label(verdict.getCertificate().getOutcome())).inc();
      checkDuration.observe(verdict.getCertificate().getSeconds());
      if (verdict.hasSnapshotTakenAt() && verdict.hasCheckedAt()) {
        // Taken by different machines' clocks: what comes out negative took next to nothing.
        verdictLatency.observe(
            Math.max(0, seconds(verdict.getCheckedAt()) - seconds(verdict.getSnapshotTakenAt())));
      }
    }
  }

  @Override
  public List<MetricFamilySamples> collect() {
    List<MetricFamilySamples> families = new ArrayList<>();
    families.add(
        family("fullrank_build_info", "Which build of the metrics service this is.", "version")
            .addMetric(List.of(version), 1));
    if (catchUp.isDone()) {
      for (Collector counted :
          List.of(recordsRead, deadLetters, verdicts, checkDuration, verdictLatency)) {
        families.addAll(counted.collect());
      }
      families.add(
          family("fullrank_run_watchers", "Clients that are watching a run.")
              .addMetric(List.of(), store.watcherCount()));
      addRuns(families, store.runs());
    }
    return families;
  }

  private void addRuns(List<MetricFamilySamples> families, List<Run> runs) {
    GaugeMetricFamily byState = family("fullrank_runs", "Runs known, by state.", "state");
    for (RunState state : STATES) {
      byState.addMetric(
          List.of(label("RUN_STATE_", state)),
          (double) runs.stream().filter(run -> run.getState() == state).count());
    }
    families.add(byState);

    List<Run> active =
        runs.stream().filter(run -> run.getState() == RunState.RUN_STATE_RUNNING).toList();
    families.add(
        family(
                "fullrank_active_runs_over_limit",
                "Running runs that have no series of their own because there are too many.")
            .addMetric(List.of(), Math.max(0, active.size() - activeRunLimit)));
    addActiveRuns(families, active.stream().limit(activeRunLimit).toList());
  }

  private static void addActiveRuns(List<MetricFamilySamples> families, List<Run> active) {
    GaugeMetricFamily step = runFamily("fullrank_run_step", "Steps done.");
    GaugeMetricFamily epoch = runFamily("fullrank_run_epoch", "Passes over the training set done.");
    GaugeMetricFamily trainLoss =
        runFamily("fullrank_run_train_loss", "Mean loss over the training set.");
    GaugeMetricFamily trainError =
        runFamily(
            "fullrank_run_train_error_ratio", "Fraction of training rows classified wrongly.");
    GaugeMetricFamily testError =
        runFamily("fullrank_run_test_error_ratio", "Fraction of test rows classified wrongly.");
    GaugeMetricFamily gap =
        runFamily("fullrank_run_generalization_gap_ratio", "Test error minus training error.");
    GaugeMetricFamily sigmaMin =
        runFamily(
            "fullrank_run_sigma_min_lower_bound",
            "Proven lower bound on the smallest singular value, from the latest verdict.");
    GaugeMetricFamily outcome =
        runFamily(
            "fullrank_run_certificate_outcome",
            "1 for the outcome of the latest verdict, 0 for the others.",
            "outcome");
    GaugeMetricFamily published =
        runFamily("fullrank_run_snapshots_published", "Snapshots that the run's policy asked for.");
    GaugeMetricFamily checked =
        runFamily("fullrank_run_snapshots_checked", "Snapshots with a verdict.");
    GaugeMetricFamily skipped =
        runFamily("fullrank_run_snapshots_skipped", "Snapshots that the checkers left out.");
    GaugeMetricFamily dropped =
        runFamily("fullrank_run_snapshots_dropped", "Snapshots that never reached the broker.");

    for (Run run : active) {
      List<String> labels = labels(run.getRequest());
      if (run.hasProgress()) {
        Progress progress = run.getProgress();
        step.addMetric(labels, (double) progress.getStep());
        epoch.addMetric(labels, progress.getEpoch());
        trainLoss.addMetric(labels, progress.getTrainLoss());
        trainError.addMetric(labels, progress.getTrainError());
        testError.addMetric(labels, progress.getTestError());
        gap.addMetric(labels, progress.getTestError() - progress.getTrainError());
      }
      if (run.hasLatestVerdict()) {
        Certificate certificate = run.getLatestVerdict().getCertificate();
        if (certificate.hasSigmaMinLowerBound()) {
          sigmaMin.addMetric(labels, certificate.getSigmaMinLowerBound());
        }
        for (Outcome possible : OUTCOMES) {
          outcome.addMetric(
              with(labels, label(possible)), certificate.getOutcome() == possible ? 1 : 0);
        }
      }
      SnapshotAccount snapshots = run.getSnapshots();
      published.addMetric(labels, (double) snapshots.getPublished());
      checked.addMetric(labels, (double) snapshots.getChecked());
      skipped.addMetric(labels, (double) snapshots.getSkipped());
      dropped.addMetric(labels, (double) snapshots.getDropped());
    }
    families.addAll(
        List.of(
            step,
            epoch,
            trainLoss,
            trainError,
            testError,
            gap,
            sigmaMin,
            outcome,
            published,
            checked,
            skipped,
            dropped));
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

  private static String label(Outcome outcome) {
    return label("OUTCOME_", outcome);
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
