package io.fullrank.checker;

import io.fullrank.certificate.BackendChoice;
import io.fullrank.certificate.backend.DenseLinearAlgebra;
import io.fullrank.checker.check.CheckResources;
import io.fullrank.checker.check.SnapshotCheck;
import io.fullrank.checker.configuration.CheckLoopSettings;
import io.fullrank.checker.configuration.CheckerConfiguration;
import io.fullrank.checker.configuration.SpectrumPolicy;
import io.fullrank.checker.judgement.InstalledChecks;
import io.fullrank.checker.judgement.OneAtATime;
import io.fullrank.checker.judgement.SnapshotJudge;
import io.fullrank.checker.judgement.VerifiedTrainingData;
import io.fullrank.checker.loop.CheckLoop;
import io.fullrank.checker.prometheus.CheckerMetrics;
import io.fullrank.messaging.HangingTransactions;
import io.fullrank.messaging.KafkaConnection;
import io.fullrank.proto.Topic;
import io.fullrank.service.runtime.ServiceHealth;
import io.fullrank.service.runtime.VitalTasks;
import io.micrometer.core.instrument.MeterRegistry;
import io.quarkus.grpc.runtime.health.GrpcHealthStorage;
import jakarta.enterprise.inject.Produces;
import jakarta.inject.Singleton;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.List;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes the parts of the checker from its configuration. What is wrong with the configuration ends
 * the start, with the key in the message.
 */
@Singleton
public class CheckerProducers {

  private static final Logger LOG = LoggerFactory.getLogger(CheckerProducers.class);

  @Produces
  @Singleton
  OneAtATime oneAtATime() {
    return new OneAtATime();
  }

  @Produces
  @Singleton
  public DenseLinearAlgebra algebra(CheckerConfiguration checker) {
    BackendChoice choice = CheckerConfiguration.chooseBackend(checker);
    LOG.info("Certificates are computed by {}", choice.description());
    return choice.algebra();
  }

  @Produces
  @Singleton
  SnapshotJudge judge(
      CheckerConfiguration checker,
      CheckerConfiguration.Data data,
      CheckLoopSettings settings,
      DenseLinearAlgebra algebra,
      OneAtATime oneAtATime) {
    return new SnapshotJudge(
        checks(checker, algebra),
        new VerifiedTrainingData(data.directory()),
        oneAtATime,
        settings.name());
  }

  @Produces
  @Singleton
  public CheckLoopSettings settings(
      CheckerConfiguration checker,
      @ConfigProperty(name = "quarkus.grpc.server.port") int grpcPort) {
    checker.requireUsable();
    return new CheckLoopSettings(
        checker.name().orElseGet(() -> "fullrank-checker-" + hostName() + "-" + grpcPort),
        checker.group(),
        checker.policy(),
        CheckerConfiguration.heldBytes(checker),
        CheckerConfiguration.longestBytes(checker));
  }

  /** Makes all checks. */
  static List<SnapshotCheck> checks(CheckerConfiguration checker, DenseLinearAlgebra algebra) {
    return InstalledChecks.of(
        new CheckResources(
            algebra,
            checker.threads(),
            checker.carryOverBytes(),
            checker.carryOverFraction(),
            checker.spectrum() == SpectrumPolicy.WITNESS),
        checker.plugins());
  }

  @Produces
  @Singleton
  CheckLoop loop(
      CheckLoopSettings settings,
      KafkaConnection kafka,
      SnapshotJudge judge,
      CheckerMetrics metrics) {
    return new CheckLoop(settings, kafka, judge, metrics);
  }

  @Produces
  @Singleton
  HangingTransactions transactions(KafkaConnection kafka, CheckLoopSettings settings) {
    return new HangingTransactions(
        kafka, watch(settings), List.of(Topic.SNAPSHOTS.name()), settings.group());
  }

  @Produces
  @Singleton
  CheckerMetrics metrics(
      MeterRegistry registry,
      HangingTransactions transactions,
      @ConfigProperty(name = "quarkus.application.version") String version) {
    CheckerMetrics metrics = new CheckerMetrics(registry, version);
    metrics.watch(transactions);
    return metrics;
  }

  @Produces
  @Singleton
  ServiceHealth health(
      KafkaConnection kafka,
      CheckLoopSettings settings,
      HangingTransactions transactions,
      CheckLoop loop,
      VitalTasks tasks,
      GrpcHealthStorage grpc) {
    return new ServiceHealth(kafka, watch(settings), transactions, loop, tasks, grpc);
  }

  private static String watch(CheckLoopSettings settings) {
    return settings.name() + "-broker-watch";
  }

  private static String hostName() {
    try {
      return InetAddress.getLocalHost().getHostName();
    } catch (UnknownHostException unnamed) {
      return "unnamed-host";
    }
  }
}
