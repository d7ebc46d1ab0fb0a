package io.fullrank.metrics;

import io.fullrank.messaging.BrokerWatch;
import io.fullrank.messaging.HangingTransactions;
import io.fullrank.messaging.KafkaConnection;
import io.fullrank.metrics.configuration.MetricsConfiguration;
import io.fullrank.metrics.prometheus.CatchUp;
import io.fullrank.metrics.prometheus.FullrankMetrics;
import io.fullrank.metrics.query.ExperimentRemoval;
import io.fullrank.metrics.query.Peers;
import io.fullrank.metrics.query.RunQueries;
import io.fullrank.metrics.store.RunChanges;
import io.fullrank.metrics.store.RunStore;
import io.fullrank.metrics.streams.RunStreams;
import io.fullrank.metrics.watch.Watches;
import io.fullrank.proto.v1.MetricsServiceGrpc;
import io.fullrank.service.security.KafkaConfiguration;
import io.fullrank.service.security.ServiceChannels;
import io.micrometer.core.instrument.config.MeterFilter;
import io.prometheus.client.CollectorRegistry;
import io.prometheus.client.hotspot.StandardExports;
import io.quarkus.grpc.runtime.health.GrpcHealthStorage;
import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import jakarta.enterprise.event.Observes;
import jakarta.enterprise.inject.Produces;
import jakarta.inject.Singleton;
import java.time.Clock;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import org.eclipse.microprofile.config.inject.ConfigProperty;

/** Puts the service together, starts it and stops it. */
@Singleton
public class MetricsApplication {

  private static final int WATCH_THREADS = 16;
  private static final String BROKER_WATCH = "fullrank-metrics-broker-watch";

  private final CatchUp catchUp = new CatchUp();
  private final RunChanges changes = new RunChanges();
  private final RunStore store = new RunStore(changes);
  private final ScheduledThreadPoolExecutor executor =
      new ScheduledThreadPoolExecutor(WATCH_THREADS, MetricsApplication::daemon);
  private final FullrankMetrics metrics;
  private final KafkaConnection connection;
  private final HangingTransactions transactions;
  private final RunStreams streams;
  private final Peers peers;
  private final RunQueries queries;
  private final ExperimentRemoval removal;
  private final Optional<Duration> retention;
  private BrokerWatch broker;

  MetricsApplication(
      KafkaConfiguration kafka,
      MetricsConfiguration configuration,
      ServiceChannels channels,
      @ConfigProperty(name = "fullrank.host") String host,
      @ConfigProperty(name = "fullrank.grpc.port") int port,
      @ConfigProperty(name = "quarkus.application.version") String version) {
    executor.setRemoveOnCancelPolicy(true);
    connection = kafka.connection();
    transactions =
        new HangingTransactions(
            connection,
            BROKER_WATCH,
            RunStreams.topics(configuration.group()),
            configuration.group());
    metrics =
        new FullrankMetrics(
            store, catchUp, this::lag, transactions::count, configuration.maxActiveRuns(), version);
    streams =
        new RunStreams(
            connection, configuration, configuration.address(host, port), store, metrics, catchUp);
    peers = new Peers(streams, changes, executor, channels);
    queries = new RunQueries(store, streams, peers);
    removal = new ExperimentRemoval(connection, queries, catchUp, Clock.systemUTC());
    retention = configuration.retention();
  }

  void start(@Observes StartupEvent event, GrpcHealthStorage health) {
    // Quarkus only logs that its gRPC server could not start.
    if (!health.getStatuses().containsKey(MetricsServiceGrpc.SERVICE_NAME)) {
      throw new IllegalStateException("the gRPC server did not start");
    }
    streams.start();
    broker =
        new BrokerWatch(connection, BROKER_WATCH, transactions, streams::waitsFor, answers -> {});
    peers.start();
    retention.ifPresent(age -> removal.sweep(age, executor));
  }

  void stop(@Observes ShutdownEvent event) throws InterruptedException {
    executor.shutdownNow();
    if (broker != null) {
      broker.close();
    }
    streams.stop();
    peers.close();
  }

  // The streams count records by the metrics, which show how far the streams are.
  private Map<String, Long> lag() {
    return streams.lag();
  }

  private static Thread daemon(Runnable task) {
    Thread thread = new Thread(task, "watches");
    thread.setDaemon(true);
    return thread;
  }

  @Produces
  @Singleton
  RunStore store() {
    return store;
  }

  @Produces
  @Singleton
  RunStreams streams() {
    return streams;
  }

  @Produces
  @Singleton
  RunQueries queries() {
    return queries;
  }

  @Produces
  @Singleton
  RunChanges changes() {
    return changes;
  }

  @Produces
  @Singleton
  Watches watches() {
    return new Watches(queries, changes, executor);
  }

  @Produces
  @Singleton
  ExperimentRemoval removal() {
    return removal;
  }

  @Produces
  @Singleton
  HangingTransactions transactions() {
    return transactions;
  }

  @Produces
  @Singleton
  CatchUp catchUp() {
    return catchUp;
  }

  /** Takes the place of Quarkus' own registry, which no one else could register with. */
  @Produces
  @Singleton
  CollectorRegistry registry() {
    CollectorRegistry registry = new CollectorRegistry(true);
    registry.register(metrics);
    registry.register(new StandardExports());
    return registry;
  }

  /**
   * Leaves out meters of Micrometer's own whose names Prometheus' conventions do not allow, and
   * what Prometheus' client exports of the process, memory and processor time included.
   */
  @Produces
  @Singleton
  MeterFilter leavingOut() {
    Set<String> left = Set.of("process.cpu.time", "process.start.time", "system.cpu.count");
    return MeterFilter.deny(meter -> left.contains(meter.getName()));
  }

  @Produces
  @Singleton
  MeterFilter methodTypeInSnakeCase() {
    return MeterFilter.renameTag("grpc.server", "methodType", "method_type");
  }

  @Produces
  @Singleton
  MeterFilter statusCodeInSnakeCase() {
    return MeterFilter.renameTag("grpc.server", "statusCode", "status_code");
  }
}
