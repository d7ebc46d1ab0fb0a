package io.fullrank.checker;

import io.fullrank.certificate.OpenBlas;
import io.fullrank.certificate.RankCertification;
import io.fullrank.certificate.StructureThenCholesky;
import io.fullrank.messaging.KafkaConnection;
import io.micrometer.core.instrument.MeterRegistry;
import jakarta.enterprise.inject.Produces;
import jakarta.inject.Singleton;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.time.Duration;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.common.KafkaException;
import org.eclipse.microprofile.config.inject.ConfigProperty;

/** Puts the checker together from its configuration. */
@Singleton
final class CheckerBeans {

  @Produces
  @Singleton
  OneAtATime oneAtATime() {
    return new OneAtATime();
  }

  @Produces
  @Singleton
  RankCertification certification(CheckerConfiguration checker) {
    if (checker.threads() < 1) {
      throw new IllegalArgumentException(
          "fullrank.checker.threads: %d, must be at least 1".formatted(checker.threads()));
    }
    return new StructureThenCholesky(new OpenBlas(checker.threads()));
  }

  @Produces
  @Singleton
  CheckLoop loop(
      CheckerConfiguration checker,
      CheckerConfiguration.Kafka kafka,
      CheckerConfiguration.Data data,
      RankCertification certification,
      OneAtATime oneAtATime,
      MeterRegistry registry,
      @ConfigProperty(name = "quarkus.application.version") String version,
      @ConfigProperty(name = "quarkus.grpc.server.port") int grpcPort) {
    CheckLoopSettings settings = settings(checker, grpcPort);
    return new CheckLoop(
        settings,
        new KafkaConnection(kafka.bootstrapServers(), kafka.properties()),
        new ExpressivityCheck(
            new TrainingData(data.directory()), certification, oneAtATime, settings.instance()),
        new CheckerMetrics(registry, version));
  }

  private static CheckLoopSettings settings(CheckerConfiguration checker, int grpcPort) {
    if (checker.maxSnapshotBytes() < 1 || checker.memoryBytes() < checker.maxSnapshotBytes()) {
      throw new IllegalArgumentException(
          "fullrank.checker.memory-bytes: %d, must be at least fullrank.checker.max-snapshot-bytes, %d, and that at least 1"
              .formatted(checker.memoryBytes(), checker.maxSnapshotBytes()));
    }
    if (checker.group().isBlank()) {
      throw new IllegalArgumentException("fullrank.checker.group: is empty");
    }
    return new CheckLoopSettings(
        checker.instance().orElseGet(() -> "fullrank-checker-" + hostName() + "-" + grpcPort),
        checker.group(),
        checker.policy(),
        checker.memoryBytes(),
        checker.maxSnapshotBytes());
  }

<<<<<<< HEAD
=======
  private static KafkaConnection kafka(FullrankConfig config) {
    for (String server : config.kafka().bootstrapServers().split(",", -1)) {
      if (!server.strip().matches("\\S+:\\d{1,5}")) {
        throw new IllegalArgumentException(
            "fullrank.kafka.bootstrap-servers: '%s' is not host:port".formatted(server));
      }
    }
    try (Admin admin =
        new KafkaConnection("127.0.0.1:1", config.kafka().properties()).admin("validation")) {
      // Kafka's own look at the properties; the servers need not be up, nor their names known.
      admin.close(Duration.ZERO);
    } catch (KafkaException refused) {
      String reason =
          refused.getCause() == null ? refused.getMessage() : refused.getCause().getMessage();
      throw new IllegalArgumentException(
          "fullrank.kafka.properties.*: %s".formatted(reason), refused);
    }
    return new KafkaConnection(config.kafka().bootstrapServers(), config.kafka().properties());
  }

>>>>>>> checker
  private static String hostName() {
    try {
      return InetAddress.getLocalHost().getHostName();
    } catch (UnknownHostException unnamed) {
      return "unnamed-host";
    }
  }
}
