package io.fullrank.trainer;

import grpc.health.v1.HealthOuterClass.HealthCheckResponse.ServingStatus;
import io.fullrank.messaging.BrokerWatch;
import io.fullrank.messaging.HangingTransactions;
import io.fullrank.messaging.KafkaConnection;
import io.fullrank.network.tensor.SingleBlasThread;
import io.fullrank.proto.Topic;
import io.fullrank.proto.v1.TrainerServiceGrpc;
import io.fullrank.service.security.KafkaConfiguration;
import io.fullrank.trainer.configuration.TrainerConfiguration;
import io.fullrank.trainer.configuration.TrainerSettings;
import io.fullrank.trainer.prometheus.TrainerMetrics;
import io.fullrank.trainer.run.Trainer;
import io.fullrank.trainer.run.TrainingData;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.config.MeterFilter;
import io.quarkus.grpc.runtime.health.GrpcHealthStorage;
import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import jakarta.enterprise.inject.Produces;
import jakarta.inject.Singleton;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.Set;
import java.util.UUID;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.openblas.global.openblas;
import org.bytedeco.openblas.global.openblas_full;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.eclipse.microprofile.health.HealthCheck;
import org.eclipse.microprofile.health.HealthCheckResponse;
import org.eclipse.microprofile.health.Liveness;
import org.eclipse.microprofile.health.Readiness;
import org.eclipse.microprofile.health.Startup;

/** Puts the service together from its configuration, and starts and stops it. */
@ApplicationScoped
class TrainerApplication {

  private volatile Trainer trainer;
  private volatile BrokerWatch broker;
  private GrpcHealthStorage health;
  private boolean shownAsReady;

  void start(
      @Observes StartupEvent started,
      KafkaConnection kafka,
      TrainerSettings settings,
      TrainingData data,
      MeterRegistry registry,
      GrpcHealthStorage health) {
    // Quarkus only logs that its gRPC server could not start.
    if (!health.getStatuses().containsKey(TrainerServiceGrpc.SERVICE_NAME)) {
      throw new IllegalStateException("fullrank.grpc.port: the gRPC server did not start");
    }
    this.health = health;
    show(ServingStatus.NOT_SERVING);
    // What cannot be loaded here ends the start, not the first run.
    SingleBlasThread.loadLibraries();
    TrainerMetrics metrics = new TrainerMetrics(registry);
    metrics.show(settings.versions());
    trainer = new Trainer(kafka, settings, data, metrics);
    String watch = settings.name() + "-broker-watch";
    HangingTransactions transactions =
        new HangingTransactions(
            kafka,
            watch,
            List.of(Topic.EXPERIMENTS.name(), Topic.VERDICTS.name()),
            settings.group());
    metrics.watch(transactions);
    broker = new BrokerWatch(kafka, watch, transactions, trainer::waitsFor, this::showReadiness);
  }

  void stop(@Observes ShutdownEvent stopped) throws InterruptedException {
    if (broker != null) {
      broker.close();
    }
    if (trainer != null) {
      trainer.close();
    }
  }

  // Clients of the gRPC health service hear the same as those of /q/health/ready.
  private void showReadiness(boolean brokerAnswers) {
    boolean ready = trainer.ready() && brokerAnswers;
    if (ready != shownAsReady) {
      show(ready ? ServingStatus.SERVING : ServingStatus.NOT_SERVING);
    }
    shownAsReady = ready;
  }

  private void show(ServingStatus status) {
    health.getStatuses().keySet().forEach(service -> health.setStatus(service, status));
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

  @Produces
  @Singleton
  KafkaConnection kafka(KafkaConfiguration configuration) {
    return configuration.connection();
  }

  @Produces
  @Singleton
  TrainerSettings settings(
      TrainerConfiguration configuration,
      @ConfigProperty(name = "quarkus.application.version") String version) {
    configuration.requireUsable();
    return new TrainerSettings(
        configuration
            .name()
            .orElseGet(() -> "trainer-" + UUID.randomUUID().toString().substring(0, 8)),
        configuration.group(),
        configuration.queueBytes(),
        configuration.checkpointDirectory(),
        configuration.checkpointInterval(),
        configuration.stopTimeout(),
        Map.of(
            "fullrank", version,
            "java", Runtime.version().toString(),
            "javacpp", versionOf(Loader.class),
            "nd4j", versionOfNd4j(),
            "openblas", versionOf(openblas.class),
            // Which of its kernels OpenBLAS has chosen for this processor, such as "Haswell".
            "openblas-kernel", openblas_full.openblas_get_corename().getString(),
            "platform", Loader.getPlatform()));
  }

  @Produces
  @Singleton
  TrainingData data(TrainerConfiguration.Data configuration) {
    return new TrainingData(configuration.directory());
  }

  @Produces
  @Readiness
  @Singleton
  HealthCheck joined() {
    return () ->
        HealthCheckResponse.named("run queue joined")
            .status(trainer != null && trainer.ready())
            .withData("waiting for", broker == null ? "the start" : broker.waitsFor())
            .build();
  }

  @Produces
  @Readiness
  @Singleton
  HealthCheck brokerAnswers() {
    return () -> response("Kafka answers", broker != null && broker.answers());
  }

  @Produces
  @Startup
  @Singleton
  HealthCheck started() {
    return () -> response("native libraries loaded", trainer != null);
  }

  @Produces
  @Liveness
  @Singleton
  HealthCheck alive() {
    return () -> response("trainer's threads alive", trainer == null || trainer.isAlive());
  }

  private static HealthCheckResponse response(String name, boolean up) {
    return HealthCheckResponse.named(name).status(up).build();
  }

  // Its manifest does not name it.
  private static String versionOfNd4j() {
    Properties properties = new Properties();
    try (InputStream file =
        TrainerApplication.class.getResourceAsStream(
            "/META-INF/maven/org.nd4j/nd4j-native/pom.properties")) {
      if (file != null) {
        properties.load(file);
      }
    } catch (IOException failed) {
      throw new UncheckedIOException(failed);
    }
    return properties.getProperty("version", "unknown");
  }

  private static String versionOf(Class<?> library) {
    return Optional.ofNullable(library.getPackage().getImplementationVersion()).orElse("unknown");
  }
}
