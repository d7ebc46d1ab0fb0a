package io.fullrank.trainer;

import io.fullrank.proto.v1.Progress;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.binder.BaseUnits;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;

/** All metrics of the trainer: names, help, units. */
final class TrainerMetrics {

  private final MeterRegistry registry;
  private final Counter published;
  private final Counter dropped;
  private final Counter steps;
  private final Counter runs;
  private final AtomicLong lastStep = new AtomicLong();

  TrainerMetrics(MeterRegistry registry) {
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
  }

  /** Starts to show what runs: the versions that run headers have, too. */
  void show(Map<String, String> versions) {
    Gauge.Builder<?> build =
        Gauge.builder("fullrank.build.info", () -> 1)
            .description("Always 1; the labels say what runs.")
            .tag("service", "trainer");
    versions.forEach(
        (name, version) -> build.tag(name.equals("fullrank") ? "version" : name, version));
    build.register(registry);
  }

  /** Starts to show what waits in queue and outbox. */
  void watch(Outbox outbox, RunQueue queue) {
    Gauge.builder("fullrank.trainer.outbox", outbox, Outbox::queuedBytes)
        .description("Snapshots that wait for the broker.")
        .baseUnit(BaseUnits.BYTES)
        .register(registry);
    Gauge.builder("fullrank.trainer.runs.waiting", queue, RunQueue::size)
        .description("Runs of this trainer that wait for their turn.")
        .register(registry);
  }

  void snapshotPublished() {
    published.increment();
  }

  void snapshotDropped() {
    dropped.increment();
  }

  void progress(Progress progress) {
    steps.increment(Math.max(0, progress.getStep() - lastStep.getAndSet(progress.getStep())));
  }

  void runEnded() {
    lastStep.set(0);
    runs.increment();
  }
}
