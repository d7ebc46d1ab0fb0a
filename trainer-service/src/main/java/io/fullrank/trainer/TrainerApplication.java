package io.fullrank.trainer;

import io.fullrank.messaging.KafkaConnection;
import io.fullrank.proto.v1.TrainerServiceGrpc;
import io.fullrank.service.KafkaConfiguration;
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
import org.eclipse.microprofile.health.Readiness;

/** Puts the service together from its configuration, and starts and stops it. */
@ApplicationScoped
class TrainerApplication {

  private Trainer trainer;

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
    TrainerMetrics metrics = new TrainerMetrics(registry);
    metrics.show(settings.versions());
    trainer = new Trainer(kafka, settings, data, metrics);
  }

  void stop(@Observes ShutdownEvent stopped) throws InterruptedException {
    if (trainer != null) {
      trainer.close();
    }
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
  HealthCheck readiness() {
    return () -> HealthCheckResponse.named("run queue joined").status(trainer.ready()).build();
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
