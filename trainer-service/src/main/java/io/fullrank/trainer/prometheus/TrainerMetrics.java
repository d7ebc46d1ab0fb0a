package io.fullrank.trainer.prometheus;

import io.fullrank.messaging.HangingTransactions;
import io.fullrank.proto.v1.Progress;
import io.fullrank.trainer.publication.RunOutbox;
import io.fullrank.trainer.queue.RunQueue;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import io.micrometer.core.instrument.binder.BaseUnits;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;
import java.util.function.ToDoubleFunction;

/** All metrics of the trainer: names, help, units. */
public final class TrainerMetrics {

  private final MeterRegistry registry;
  private final Counter published;
  private final Counter dropped;
  private final Counter steps;
  private final Counter runs;
  private final Counter checkpointFailures;
  private final Timer checkpointDuration;
  private final AtomicLong lastStep = new AtomicLong();

  /** The last checkpoint of the run in training; null if there is none. */
  private volatile WrittenCheckpoint checkpoint;

  private record WrittenCheckpoint(long step, long bytes, long nanos) {
    double age() {
      return (System.nanoTime() - nanos) * 1e-9;
    }
  }

  public TrainerMetrics(MeterRegistry registry) {
    this.registry = registry;
    published =
        Counter.builder("fullrank.snapshots.published")
            .description("Snapshots that runs of this trainer asked to be published.")
            .register(registry);
    dropped =
        Counter.builder("fullrank.snapshots.dropped")
            .description("Snapshots dropped because the broker did not take them fast enough.")
            .register(registry);
    steps =
        Counter.builder("fullrank.trainer.steps")
            .description("Training steps done.")
            .register(registry);
    runs =
        Counter.builder("fullrank.trainer.runs")
            .description("Runs that ended on this trainer, whatever their state.")
            .register(registry);
    checkpointFailures =
        Counter.builder("fullrank.trainer.checkpoint.failures")
            .description("Checkpoints that could not be written, found, renamed or deleted.")
            .register(registry);
    checkpointDuration =
        Timer.builder("fullrank.trainer.checkpoint.duration")
            .description("How long checkpoints took to be written.")
            .register(registry);
    gaugeOfCheckpoint(
            "fullrank.trainer.checkpoint.step",
            "Step of the last checkpoint",
            WrittenCheckpoint::step)
        .register(registry);
    gaugeOfCheckpoint(
            "fullrank.trainer.checkpoint.size",
            "Size of the last checkpoint",
            WrittenCheckpoint::bytes)
        .baseUnit(BaseUnits.BYTES)
        .register(registry);
    gaugeOfCheckpoint(
            "fullrank.trainer.checkpoint.age",
            "Time since the last checkpoint",
            WrittenCheckpoint::age)
        .baseUnit("seconds")
        .register(registry);
  }

  private Gauge.Builder<Supplier<Number>> gaugeOfCheckpoint(
      String name, String description, ToDoubleFunction<WrittenCheckpoint> value) {
    Supplier<Number> current =
        () -> {
          WrittenCheckpoint last = checkpoint;
          return last == null ? Double.NaN : value.applyAsDouble(last);
        };
    return Gauge.builder(name, current)
        .description(description + " of the run in training; NaN if it has none.");
  }

  /** Starts to show what runs: the versions that run headers have, too. */
  public void show(Map<String, String> versions) {
    Gauge.Builder<?> build =
        Gauge.builder("fullrank.build.info", () -> 1)
            .description("Always 1; the labels say what runs.")
            .tag("service", "trainer");
    versions.forEach(
        (name, version) -> build.tag(name.equals("fullrank") ? "version" : name, version));
    build.register(registry);
  }

  /** Starts to show how many transactions hang. */
  public void watch(HangingTransactions transactions) {
    Gauge.builder("fullrank.hanging.transactions", transactions, HangingTransactions::count)
        .description(HangingTransactions.METRIC_HELP)
        .register(registry);
  }

  /** Starts to show what waits in queue and outbox. */
  public void watch(RunOutbox outbox, RunQueue queue) {
    Gauge.builder("fullrank.trainer.outbox", outbox, RunOutbox::queuedBytes)
        .description("Snapshots that wait for the broker.")
        .baseUnit(BaseUnits.BYTES)
        .register(registry);
    Gauge.builder("fullrank.trainer.runs.waiting", queue, RunQueue::size)
        .description("Runs of this trainer that wait for their turn.")
        .register(registry);
  }

  public void snapshotPublished() {
    published.increment();
  }

  public void snapshotDropped() {
    dropped.increment();
  }

  public void progress(Progress progress) {
    steps.increment(Math.max(0, progress.getStep() - lastStep.getAndSet(progress.getStep())));
  }

  /** Says that a run begins, or goes on after a step up to which another process has trained it. */
  public void runStarted(long step) {
    lastStep.set(step);
    checkpoint = null;
  }

  public void checkpointWritten(long step, long bytes, Duration duration) {
    checkpoint = new WrittenCheckpoint(step, bytes, System.nanoTime());
    checkpointDuration.record(duration);
  }

  public void checkpointFailed() {
    checkpointFailures.increment();
  }

  public void runEnded() {
    lastStep.set(0);
    checkpoint = null;
    runs.increment();
  }
}
