package io.fullrank.checker;

import io.fullrank.certificate.BackendChoice;
import io.fullrank.certificate.RankCertification;
import io.fullrank.certificate.backend.DenseLinearAlgebra;
import io.fullrank.checker.check.CertifiedFeatures;
import io.fullrank.checker.check.ExactArithmetic;
import io.fullrank.checker.check.ExpressivityCheck;
import io.fullrank.checker.check.OneAtATime;
import io.fullrank.checker.check.VerifiedTrainingData;
import io.fullrank.checker.check.WitnessSpectrum;
import io.fullrank.checker.configuration.CheckLoopSettings;
import io.fullrank.checker.configuration.CheckerConfiguration;
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
  RankCertification certification(DenseLinearAlgebra algebra) {
    return new RankCertification(algebra);
  }

  @Produces
  @Singleton
  public CertifiedFeatures certifiedFeatures(CheckerConfiguration checker) {
    return new CertifiedFeatures(
        new CertifiedFeatures.Settings(
            checker.carryOverBytes(), checker.carryOverFraction(), checker.threads()));
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

  @Produces
  @Singleton
  CheckLoop loop(
      CheckerConfiguration checker,
      CheckLoopSettings settings,
      KafkaConnection kafka,
      RankCertification certification,
      DenseLinearAlgebra algebra,
      CertifiedFeatures certifiedFeatures,
      OneAtATime oneAtATime,
      CheckerMetrics metrics,
      CheckerConfiguration.Data data) {
    return new CheckLoop(
        settings,
        kafka,
        new ExpressivityCheck(
            new VerifiedTrainingData(data.directory()),
            certification,
            certifiedFeatures,
            new ExactArithmetic(algebra, checker.threads()),
            new WitnessSpectrum(checker.spectrum(), algebra),
            oneAtATime,
            settings.name()),
        metrics);
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
