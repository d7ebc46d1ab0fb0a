package io.fullrank.metrics;

import io.fullrank.messaging.KafkaConnection;
import io.fullrank.proto.v1.MetricsServiceGrpc;
import io.micrometer.core.instrument.config.MeterFilter;
import io.prometheus.client.CollectorRegistry;
import io.quarkus.grpc.runtime.health.GrpcHealthStorage;
import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import jakarta.enterprise.event.Observes;
import jakarta.enterprise.inject.Produces;
import jakarta.inject.Singleton;
import java.time.Clock;
import java.util.Set;
import org.eclipse.microprofile.config.inject.ConfigProperty;

/** Puts the service together, starts it and stops it. */
@Singleton
public class MetricsApplication {

  private final RunStore store = new RunStore();
  private final CatchUp catchUp = new CatchUp();
  private final FullrankMetrics metrics;
  private final TopicReader reader;

  MetricsApplication(
      KafkaConfiguration kafka,
      MetricsConfiguration configuration,
      @ConfigProperty(name = "quarkus.application.version") String version) {
    KafkaConnection connection = kafka.connection();
    metrics = new FullrankMetrics(store, catchUp, configuration.maxActiveRuns(), version);
    reader =
        new TopicReader(
            connection, store, new DeadLetterLog(connection, Clock.systemUTC()), metrics, catchUp);
  }

  void start(@Observes StartupEvent event, GrpcHealthStorage health) {
    // Quarkus only logs that its gRPC server could not start.
    if (!health.getStatuses().containsKey(MetricsServiceGrpc.SERVICE_NAME)) {
      throw new IllegalStateException("the gRPC server did not start");
    }
    reader.start();
  }

  void stop(@Observes ShutdownEvent event) throws InterruptedException {
    reader.stop();
  }

  @Produces
  @Singleton
  RunStore store() {
    return store;
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
    return registry;
  }

  /** Leaves out meters of Micrometer's own whose names Prometheus' conventions do not allow. */
  @Produces
  @Singleton
  MeterFilter wellNamed() {
    Set<String> illNamed = Set.of("process.cpu.time", "system.cpu.count");
    return MeterFilter.deny(meter -> illNamed.contains(meter.getName()));
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
