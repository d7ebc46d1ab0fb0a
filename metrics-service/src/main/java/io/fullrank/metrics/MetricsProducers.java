package io.fullrank.metrics;

import io.fullrank.messaging.HangingTransactions;
import io.fullrank.messaging.KafkaConnection;
import io.fullrank.metrics.configuration.MetricsConfiguration;
import io.fullrank.metrics.prometheus.CatchUp;
import io.fullrank.metrics.prometheus.FullrankMetrics;
import io.fullrank.metrics.query.ExperimentRemoval;
import io.fullrank.metrics.query.Peers;
import io.fullrank.metrics.query.RunQueries;
import io.fullrank.metrics.store.HeldPartitions;
import io.fullrank.metrics.store.RunChanges;
import io.fullrank.metrics.streams.RunStreams;
import io.fullrank.metrics.watch.Watches;
import io.fullrank.service.runtime.VitalTasks;
import io.fullrank.service.security.ServiceChannels;
import io.micrometer.core.instrument.config.MeterFilter;
import io.prometheus.client.CollectorRegistry;
import io.prometheus.client.hotspot.StandardExports;
import jakarta.enterprise.inject.Produces;
import jakarta.enterprise.inject.Typed;
import jakarta.inject.Provider;
import jakarta.inject.Singleton;
import java.time.InstantSource;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import org.eclipse.microprofile.config.inject.ConfigProperty;

/** Makes the parts of the metrics service from its configuration. */
@Singleton
class MetricsProducers {

  private static final int WATCH_THREADS = 16;

  @Produces
  @Singleton
  CatchUp catchUp() {
    return new CatchUp();
  }

  @Produces
  @Singleton
  RunChanges changes() {
    return new RunChanges();
  }

  @Produces
  @Singleton
  HeldPartitions store(RunChanges changes) {
    return new HeldPartitions(changes);
  }

  @Produces
  @Singleton
  @Typed(ScheduledThreadPoolExecutor.class)
  ScheduledThreadPoolExecutor executor() {
    ScheduledThreadPoolExecutor executor =
        new ScheduledThreadPoolExecutor(WATCH_THREADS, MetricsProducers::daemon);
    executor.setRemoveOnCancelPolicy(true);
    return executor;
  }

  @Produces
  @Singleton
  HangingTransactions transactions(KafkaConnection kafka, MetricsConfiguration configuration) {
    return new HangingTransactions(
        kafka,
        MetricsApplication.BROKER_WATCH,
        RunStreams.topics(configuration.group()),
        configuration.group());
  }

  // The streams count records by the metrics, which show how far the streams are.
  @Produces
  @Singleton
  FullrankMetrics metrics(
      HeldPartitions store,
      CatchUp catchUp,
      Provider<RunStreams> streams,
      HangingTransactions transactions,
      MetricsConfiguration configuration,
      @ConfigProperty(name = "quarkus.application.version") String version) {
    return new FullrankMetrics(
        store,
        catchUp,
        () -> streams.get().lag(),
        transactions::count,
        configuration.maxActiveRuns(),
        version);
  }

  @Produces
  @Singleton
  InstantSource clock() {
    return InstantSource.system();
  }

  @Produces
  @Singleton
  RunStreams streams(
      KafkaConnection kafka,
      MetricsConfiguration configuration,
      HeldPartitions store,
      FullrankMetrics metrics,
      CatchUp catchUp,
      InstantSource clock,
      @ConfigProperty(name = "fullrank.host") String host,
      @ConfigProperty(name = "fullrank.grpc.port") int port) {
    return new RunStreams(
        kafka, configuration, configuration.address(host, port), store, metrics, catchUp, clock);
  }

  @Produces
  @Singleton
  Peers peers(
      RunStreams streams,
      RunChanges changes,
      ScheduledThreadPoolExecutor executor,
      ServiceChannels channels,
      VitalTasks tasks) {
    return new Peers(streams, changes, executor, channels, tasks);
  }

  @Produces
  @Singleton
  RunQueries queries(HeldPartitions store, RunStreams streams, Peers peers) {
    return new RunQueries(store, streams, peers);
  }

  @Produces
  @Singleton
  ExperimentRemoval removal(
      KafkaConnection kafka, RunQueries queries, CatchUp catchUp, InstantSource clock) {
    return new ExperimentRemoval(kafka, queries, catchUp, clock);
  }

  @Produces
  @Singleton
  Watches watches(
      RunQueries queries,
      RunChanges changes,
      ScheduledThreadPoolExecutor executor,
      MetricsConfiguration configuration) {
    return new Watches(queries, changes, executor, configuration.maxWatches());
  }

  /** Takes the place of Quarkus' own registry, which no one else could register with. */
  @Produces
  @Singleton
  CollectorRegistry registry(FullrankMetrics metrics) {
    CollectorRegistry registry = new CollectorRegistry(true);
    registry.register(metrics);
    registry.register(new StandardExports());
    return registry;
  }

  /** Leaves out what Prometheus' client exports of the process itself. */
  @Produces
  @Singleton
  MeterFilter exportedTwice() {
    return MeterFilter.deny(meter -> "process.start.time".equals(meter.getName()));
  }

  private static Thread daemon(Runnable task) {
    Thread thread = new Thread(task, "watches");
    thread.setDaemon(true);
    return thread;
  }
}
