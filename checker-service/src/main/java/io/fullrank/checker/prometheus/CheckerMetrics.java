package io.fullrank.checker.prometheus;

import com.google.protobuf.Timestamp;
import com.google.protobuf.util.Timestamps;
import io.fullrank.checker.verdict.VerdictOutbox;
import io.fullrank.messaging.HangingTransactions;
import io.fullrank.network.experiment.ChosenChecks;
import io.fullrank.proto.v1.Outcome;
import io.fullrank.proto.v1.SkipReason;
import io.fullrank.proto.v1.SnapshotSkipped;
import io.fullrank.proto.v1.Verdict;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import java.time.Duration;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.DoubleStream;

/**
 * All metrics of the checker. Prometheus sees the names with underscores, times in seconds, and
 * counters with the suffix {@code _total}.
 */
public final class CheckerMetrics {

  private static final Duration[] BUCKETS =
      DoubleStream.of(
              0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800,
              3600)
          .mapToObj(seconds -> Duration.ofMillis((long) (seconds * 1000)))
          .toArray(Duration[]::new);

  /** Checks that verdicts are counted by; all others are counted together. */
  private static final int MOST_CHECKS = 50;

  private final MeterRegistry registry;
  private final Set<String> counted = new HashSet<>();
  private final Map<SkipReason, Counter> skipped = new EnumMap<>(SkipReason.class);
  private final Counter carriedOver;
  private final Counter deadLetters;
  private final Timer checkDuration;
  private final Timer verdictLatency;
  private final AtomicLong pending = new AtomicLong();
  private final AtomicLong heldBytes = new AtomicLong();
  private final AtomicLong lag = new AtomicLong();

  public CheckerMetrics(MeterRegistry registry, String version) {
    this.registry = registry;
    // Shown as 0 before the first one counts.
    for (Outcome outcome :
        List.of(Outcome.OUTCOME_CERTIFIED, Outcome.OUTCOME_REFUTED, Outcome.OUTCOME_UNDETERMINED)) {
      checks(ChosenChecks.EXPRESSIVITY, outcome);
    }
    for (SkipReason reason : SkipReason.values()) {
      if (reason != SkipReason.UNRECOGNIZED && reason != SkipReason.SKIP_REASON_UNSPECIFIED) {
        skipped.put(
            reason,
            Counter.builder("fullrank.checker.skipped")
                .description("Snapshots settled without a verdict, by reason")
                .tag("reason", label(reason.name(), "SKIP_REASON_"))
                .register(registry));
      }
    }
    carriedOver =
        Counter.builder("fullrank.checker.carried.over")
            .description("Verdicts carried over from features certified before")
            .register(registry);
    deadLetters =
        Counter.builder("fullrank.checker.dead.letters")
            .description("Records set aside because they cannot be read")
            .register(registry);
    checkDuration =
        histogram(
            "fullrank.checker.check.duration", "Time all checks of a snapshot take", registry);
    verdictLatency =
        histogram(
            "fullrank.checker.verdict.latency",
            "Time from taking a snapshot to publishing its verdict",
            registry);
    gauge("fullrank.checker.pending.snapshots", "Complete snapshots not yet settled", pending)
        .register(registry);
    gauge("fullrank.checker.held", "Serialised snapshots in memory", heldBytes)
        .baseUnit("bytes")
        .register(registry);
    gauge("fullrank.checker.lag", "Records not yet read", lag)
        .baseUnit("records")
        .register(registry);
    Gauge.builder("fullrank.build.info", () -> 1)
        .description("Always 1; the labels say what runs.")
        .tag("service", "checker")
        .tag("version", version)
        .tag("java", Runtime.version().toString())
        .register(registry);
  }

  /** Starts to show how many transactions hang. */
  public void watch(HangingTransactions transactions) {
    Gauge.builder("fullrank.hanging.transactions", transactions, HangingTransactions::count)
        .description(HangingTransactions.METRIC_HELP)
        .register(registry);
  }

  /** Counts what a committed transaction has published. */
  public void published(VerdictOutbox outbox) {
    for (Verdict verdict : outbox.verdicts()) {
      checks(verdict.getCheck(), verdict.getCertificate().getOutcome()).increment();
      carriedOver.increment(verdict.hasCarriedFromStep() ? 1 : 0);
      Timestamp taken = verdict.getSnapshotTakenAt();
      if (verdict.hasSnapshotTakenAt() && Timestamps.isValid(taken)) {
        // The trainer's clock may be ahead of ours.
        long latency = Math.max(0, System.currentTimeMillis() - Timestamps.toMillis(taken));
        verdictLatency.record(latency, TimeUnit.MILLISECONDS);
      }
    }
    for (SnapshotSkipped skip : outbox.skipped()) {
      skipped.get(skip.getReason()).increment();
    }
    deadLetters.increment(outbox.deadLetterCount());
  }

  /** Names come with experiments, and there may be any number of those no checker has. */
  private Counter checks(String check, Outcome outcome) {
    boolean known = counted.contains(check) || (counted.size() < MOST_CHECKS && counted.add(check));
    return Counter.builder("fullrank.checker.checks")
        .description(
            "Verdicts published, by check and outcome; measured are those without a certificate")
        .tag("check", known ? check : "other")
        .tag(
            "outcome",
            outcome == Outcome.OUTCOME_UNSPECIFIED ? "measured" : label(outcome.name(), "OUTCOME_"))
        .register(registry);
  }

  public void checked(Duration duration) {
    checkDuration.record(duration);
  }

  public void pending(long snapshots) {
    pending.set(snapshots);
  }

  public void heldBytes(long bytes) {
    heldBytes.set(bytes);
  }

  public void lag(long records) {
    lag.set(records);
  }

  private static Timer histogram(String name, String description, MeterRegistry registry) {
    return Timer.builder(name)
        .description(description)
        .serviceLevelObjectives(BUCKETS)
        .register(registry);
  }

  private static Gauge.Builder<AtomicLong> gauge(
      String name, String description, AtomicLong value) {
    return Gauge.builder(name, value, AtomicLong::doubleValue).description(description);
  }

  private static String label(String name, String prefix) {
    return name.substring(prefix.length()).toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
