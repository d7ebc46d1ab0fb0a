package io.fullrank.trainer;

import io.fullrank.messaging.KafkaConnection;
import io.micrometer.core.instrument.MeterRegistry;
import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import jakarta.enterprise.inject.Produces;
import jakarta.inject.Singleton;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
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
      MeterRegistry registry) {
    trainer = new Trainer(kafka, settings, data, new TrainerMetrics(registry));
  }

  void stop(@Observes ShutdownEvent stopped) throws InterruptedException {
    trainer.close();
  }

  @Produces
  @Singleton
  KafkaConnection kafka(
      @ConfigProperty(name = "fullrank.kafka.bootstrap-servers") String bootstrapServers,
      @ConfigProperty(name = "fullrank.kafka.properties") Map<String, String> properties) {
    return new KafkaConnection(bootstrapServers, properties);
  }

  @Produces
  @Singleton
  TrainerSettings settings(
      @ConfigProperty(name = "fullrank.trainer.name") Optional<String> name,
      @ConfigProperty(name = "fullrank.trainer.group") String group,
      @ConfigProperty(name = "fullrank.trainer.queue-bytes") long queueBytes,
      @ConfigProperty(name = "quarkus.application.version") String version) {
    return new TrainerSettings(
        name.orElseGet(() -> "trainer-" + UUID.randomUUID().toString().substring(0, 8)),
        group,
        queueBytes,
        Map.of(
            "fullrank", version,
            "java", Runtime.version().toString(),
            "nd4j", versionOf(org.nd4j.linalg.factory.Nd4j.class),
            "openblas", versionOf(org.bytedeco.openblas.global.openblas.class)));
  }

  @Produces
  @Singleton
  TrainingData data(@ConfigProperty(name = "fullrank.data.directory") Path directory) {
    return new TrainingData(directory);
  }

  @Produces
  @Readiness
  @Singleton
  HealthCheck readiness() {
    return () ->
        HealthCheckResponse.named("run queue joined").status(trainer.ready()).build();
  }

  private static String versionOf(Class<?> library) {
    return Optional.ofNullable(library.getPackage().getImplementationVersion()).orElse("unknown");
  }
}
