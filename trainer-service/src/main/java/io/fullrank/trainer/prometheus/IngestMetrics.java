package io.fullrank.trainer.prometheus;

import io.grpc.Status;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.binder.BaseUnits;
import java.util.function.Supplier;

/** All metrics of what programs outside Fullrank report: names, help, units. */
public final class IngestMetrics {

  private final MeterRegistry registry;
  private final Counter accepted;
  private final Counter received;
  private volatile Supplier<Number> streams = () -> 0;
  private volatile Supplier<Number> buffer = () -> 0;

  public IngestMetrics(MeterRegistry registry) {
    this.registry = registry;
    accepted =
        Counter.builder("fullrank.ingest.reports")
            .description("Reports of external runs that Kafka has: events and whole snapshots.")
            .register(registry);
    received =
        Counter.builder("fullrank.ingest.received")
            .description("Features of external runs that have arrived.")
            .baseUnit(BaseUnits.BYTES)
            .register(registry);
    Gauge.builder("fullrank.ingest.streams", () -> streams.get())
        .description("Streams of external runs that are open.")
        .register(registry);
    Gauge.builder("fullrank.ingest.buffer", () -> buffer.get())
        .description("Memory reserved for snapshots that are not yet with the broker.")
        .baseUnit(BaseUnits.BYTES)
        .register(registry);
  }

  /** Starts to show what is open and held. */
  public void watch(Supplier<Number> openStreams, Supplier<Number> bufferBytes) {
    streams = openStreams;
    buffer = bufferBytes;
  }

  public void reportAccepted() {
    accepted.increment();
  }

  public void featuresReceived(int bytes) {
    received.increment(bytes);
  }

  /** Counts a call that ended with a status other than OK. */
  public void refused(Status.Code code) {
    Counter.builder("fullrank.ingest.refused")
        .description("Registrations and streams of external runs that ended with this status.")
        .tag("code", code.name())
        .register(registry)
        .increment();
  }
}
