package io.fullrank.trainer;

import io.fullrank.messaging.HangingTransactions;
import io.fullrank.messaging.KafkaConnection;
import io.fullrank.proto.Topic;
import io.fullrank.service.runtime.ServiceHealth;
import io.fullrank.service.runtime.VitalTasks;
import io.fullrank.trainer.configuration.IngestSettings;
import io.fullrank.trainer.configuration.TrainerConfiguration;
import io.fullrank.trainer.configuration.TrainerSettings;
import io.fullrank.trainer.ingest.Ingest;
import io.fullrank.trainer.ingest.Registrations;
import io.fullrank.trainer.prometheus.IngestMetrics;
import io.fullrank.trainer.prometheus.TrainerMetrics;
import io.fullrank.trainer.queue.AcceptedRuns;
import io.fullrank.trainer.run.Trainer;
import io.fullrank.trainer.run.TrainingData;
import io.micrometer.core.instrument.MeterRegistry;
import io.quarkus.grpc.runtime.health.GrpcHealthStorage;
import jakarta.enterprise.inject.Produces;
import jakarta.inject.Singleton;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.TreeMap;
import java.util.UUID;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.openblas.global.openblas;
import org.bytedeco.openblas.global.openblas_full;
import org.eclipse.microprofile.config.inject.ConfigProperty;

/** Makes the parts of the trainer from its configuration. */
@Singleton
class TrainerProducers {

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
        versions(version, configuration.trains()));
  }

  private static Map<String, String> versions(String version, boolean trains) {
    Map<String, String> versions = new TreeMap<>();
    versions.put("fullrank", version);
    versions.put("java", Runtime.version().toString());
    if (trains) {
      versions.put("javacpp", versionOf(Loader.class));
      versions.put("nd4j", versionOfNd4j());
      versions.put("openblas", versionOf(openblas.class));
      // Which of its kernels OpenBLAS has chosen for this processor, such as "Haswell".
      versions.put("openblas-kernel", openblas_full.openblas_get_corename().getString());
      versions.put("platform", Loader.getPlatform());
    }
    return versions;
  }

  @Produces
  @Singleton
  TrainingData data(TrainerConfiguration.Data configuration) {
    return new TrainingData(configuration.directory());
  }

  @Produces
  @Singleton
  HangingTransactions transactions(KafkaConnection kafka, TrainerSettings settings) {
    return new HangingTransactions(
        kafka,
        watch(settings),
        List.of(Topic.EXPERIMENTS.name(), Topic.VERDICTS.name()),
        settings.group());
  }

  @Produces
  @Singleton
  TrainerMetrics metrics(
      MeterRegistry registry, TrainerSettings settings, HangingTransactions transactions) {
    TrainerMetrics metrics = new TrainerMetrics(registry);
    metrics.show(settings.versions());
    metrics.watch(transactions);
    return metrics;
  }

  @Produces
  @Singleton
  Trainer trainer(
      KafkaConnection kafka, TrainerSettings settings, TrainingData data, TrainerMetrics metrics) {
    return new Trainer(kafka, settings, data, metrics);
  }

  @Produces
  @Singleton
  IngestSettings ingestSettings(TrainerConfiguration configuration) {
    TrainerConfiguration.Ingest ingest = configuration.ingest();
    return new IngestSettings(
        configuration.maxExperimentBytes(),
        ingest.maxSnapshotBytes(),
        ingest.bufferBytes().orElse(Runtime.getRuntime().maxMemory() / 4 * 3),
        ingest.maxStreams(),
        ingest.heartbeatInterval(),
        ingest.idleTimeout());
  }

  @Produces
  @Singleton
  IngestMetrics ingestMetrics(MeterRegistry registry) {
    return new IngestMetrics(registry);
  }

  @Produces
  @Singleton
  Registrations registrations(
      AcceptedRuns accepted, IngestSettings settings, IngestMetrics metrics) {
    return new Registrations(accepted, settings, metrics);
  }

  @Produces
  @Singleton
  Ingest ingest(
      KafkaConnection kafka,
      TrainerSettings settings,
      IngestSettings ingestSettings,
      AcceptedRuns accepted,
      IngestMetrics metrics) {
    return new Ingest(kafka, settings.name(), ingestSettings, accepted, metrics);
  }

  @Produces
  @Singleton
  ServiceHealth health(
      KafkaConnection kafka,
      TrainerSettings settings,
      HangingTransactions transactions,
      TrainerConfiguration configuration,
      Trainer trainer,
      Ingest ingest,
      VitalTasks tasks,
      GrpcHealthStorage grpc) {
    return new ServiceHealth(
        kafka,
        watch(settings),
        transactions,
        configuration.trains() ? new TrainsAndTakesReports(trainer, ingest) : ingest,
        tasks,
        grpc);
  }

  /** The work of a service that does both. */
  private record TrainsAndTakesReports(Trainer trainer, Ingest ingest)
      implements ServiceHealth.Work {

    @Override
    public boolean hasJoined() {
      return trainer.hasJoined() && ingest.hasJoined();
    }

    @Override
    public Optional<String> waitsFor() {
      return trainer.waitsFor().or(ingest::waitsFor);
    }

    @Override
    public boolean isAlive() {
      return trainer.isAlive() && ingest.isAlive();
    }
  }

  private static String watch(TrainerSettings settings) {
    return settings.name() + "-broker-watch";
  }

  // Its manifest does not name it.
  private static String versionOfNd4j() {
    Properties properties = new Properties();
    try (InputStream file =
        TrainerProducers.class.getResourceAsStream(
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
