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

  private static String hostName() {
    try {
      return InetAddress.getLocalHost().getHostName();
    } catch (UnknownHostException unnamed) {
      return "unnamed-host";
    }
  }
}
