package io.fullrank.service.runtime;

import grpc.health.v1.HealthOuterClass.HealthCheckResponse.ServingStatus;
import io.fullrank.messaging.BrokerWatch;
import io.fullrank.messaging.HangingTransactions;
import io.fullrank.messaging.KafkaConnection;
import io.quarkus.grpc.runtime.health.GrpcHealthStorage;
import java.util.Optional;
import org.eclipse.microprofile.health.HealthCheck;
import org.eclipse.microprofile.health.HealthCheckResponse;

/**
 * The health of a service that can do nothing without Kafka. It is ready while its work has joined
 * its group and a broker answers. Clients of the gRPC health service hear the same as those of
 * {@code /q/health/ready}.
 */
public final class ServiceHealth {

  /** The work of the service, as far as its health depends on it. */
  public interface Work {

    /** Returns whether the work goes on, as far as it knows. */
    boolean hasJoined();

    /** Returns what the work waits for before it goes on, in words; empty if for nothing. */
    Optional<String> waitsFor();

    /** Returns whether all threads live that the work cannot do without. */
    boolean isAlive();
  }

  private final KafkaConnection kafka;
  private final String clientId;
  private final HangingTransactions transactions;
  private final Work work;
  private final VitalTasks tasks;
  private final GrpcHealthStorage grpc;
  private volatile Optional<BrokerWatch> broker = Optional.empty();
  // Only the broker watch's thread uses this.
  private boolean shownAsReady;

  /**
   * Creates the health of a service that is not ready yet.
   *
   * @param clientId of the connection that asks whether a broker answers
   * @param tasks those that the service cannot do without besides its work
   */
  public ServiceHealth(
      KafkaConnection kafka,
      String clientId,
      HangingTransactions transactions,
      Work work,
      VitalTasks tasks,
      GrpcHealthStorage grpc) {
    this.kafka = kafka;
    this.clientId = clientId;
    this.transactions = transactions;
    this.work = work;
    this.tasks = tasks;
    this.grpc = grpc;
  }

  /**
   * Requires that the gRPC server has started: Quarkus only logs that it could not.
   *
   * @param service the name of a gRPC service that it has
   * @throws IllegalStateException if it has not started
   */
  public static void requireServer(GrpcHealthStorage grpc, String service) {
    if (!grpc.getStatuses().containsKey(service)) {
      throw new IllegalStateException("fullrank.grpc.port: the gRPC server did not start");
    }
  }

  /**
   * Tells gRPC clients that the service is not ready yet.
   *
   * @param service the name of the gRPC service
   * @throws IllegalStateException if the gRPC server has not started
   */
  public void begin(String service) {
    requireServer(grpc, service);
    show(ServingStatus.NOT_SERVING);
  }

  /** Watches the broker from now on; the work has started. */
  public void watch() {
    broker =
        Optional.of(
            new BrokerWatch(kafka, clientId, transactions, work::waitsFor, this::showReadiness));
  }

  /** Watches no more. */
  public void stop() throws InterruptedException {
    if (broker.isPresent()) {
      broker.get().close();
    }
  }

  /** Returns the check whether the work goes on, with what it waits for. */
  public HealthCheck joined(String name) {
    return () ->
        HealthCheckResponse.named(name)
            .status(broker.isPresent() && work.hasJoined())
            .withData("waiting for", broker.map(BrokerWatch::waitsFor).orElse("the start"))
            .build();
  }

  /** Returns the check whether a broker answers. */
  public HealthCheck brokerAnswers() {
    return () -> response("Kafka answers", broker.filter(BrokerWatch::answers).isPresent());
  }

  /** Returns the check whether the service has started. */
  public HealthCheck started(String name) {
    return () -> response(name, broker.isPresent());
  }

  /** Returns the check whether the work's threads live. */
  public HealthCheck alive(String name) {
    return () ->
        response(
            name,
            broker.map(watch -> watch.isAlive() && work.isAlive() && tasks.isAlive()).orElse(true));
  }

  private void showReadiness(boolean brokerAnswers) {
    boolean ready = work.hasJoined() && brokerAnswers;
    if (ready != shownAsReady) {
      show(ready ? ServingStatus.SERVING : ServingStatus.NOT_SERVING);
    }
    shownAsReady = ready;
  }

  private void show(ServingStatus status) {
    grpc.getStatuses().keySet().forEach(service -> grpc.setStatus(service, status));
  }

  private static HealthCheckResponse response(String name, boolean up) {
    return HealthCheckResponse.named(name).status(up).build();
  }
}
