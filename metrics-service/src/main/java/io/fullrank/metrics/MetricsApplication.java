package io.fullrank.metrics;

import io.fullrank.messaging.BrokerWatch;
import io.fullrank.messaging.HangingTransactions;
import io.fullrank.messaging.KafkaConnection;
import io.fullrank.metrics.configuration.MetricsConfiguration;
import io.fullrank.metrics.query.ExperimentRemoval;
import io.fullrank.metrics.query.Peers;
import io.fullrank.metrics.streams.RunStreams;
import io.fullrank.proto.v1.MetricsServiceGrpc;
import io.fullrank.service.runtime.ServiceHealth;
import io.fullrank.service.runtime.VitalTasks;
import io.quarkus.grpc.runtime.health.GrpcHealthStorage;
import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Singleton;
import java.util.concurrent.ScheduledThreadPoolExecutor;

/** Starts the service and stops it. {@link MetricsProducers} makes its parts. */
@Singleton
class MetricsApplication {

  static final String BROKER_WATCH = "fullrank-metrics-broker-watch";

  private final KafkaConnection kafka;
  private final HangingTransactions transactions;
  private final RunStreams streams;
  private final Peers peers;
  private final ExperimentRemoval removal;
  private final ScheduledThreadPoolExecutor executor;
  private final MetricsConfiguration configuration;
  private final GrpcHealthStorage health;
  private final VitalTasks tasks;
  private BrokerWatch broker;

  MetricsApplication(
      KafkaConnection kafka,
      HangingTransactions transactions,
      RunStreams streams,
      Peers peers,
      ExperimentRemoval removal,
      ScheduledThreadPoolExecutor executor,
      MetricsConfiguration configuration,
      GrpcHealthStorage health,
      VitalTasks tasks) {
    this.kafka = kafka;
    this.transactions = transactions;
    this.streams = streams;
    this.peers = peers;
    this.removal = removal;
    this.executor = executor;
    this.configuration = configuration;
    this.health = health;
    this.tasks = tasks;
  }

  void start(@Observes StartupEvent event) {
    ServiceHealth.requireServer(health, MetricsServiceGrpc.SERVICE_NAME);
    streams.start();
    broker = new BrokerWatch(kafka, BROKER_WATCH, transactions, streams::waitsFor, answers -> {});
    peers.start();
    configuration.retention().ifPresent(age -> removal.sweep(age, executor, tasks));
  }

  void stop(@Observes ShutdownEvent event) throws InterruptedException {
    executor.shutdownNow();
    if (broker != null) {
      broker.close();
    }
    streams.stop();
    peers.close();
  }
}
