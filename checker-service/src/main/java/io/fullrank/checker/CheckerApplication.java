package io.fullrank.checker;

import grpc.health.v1.HealthOuterClass.HealthCheckResponse.ServingStatus;
import io.fullrank.certificate.BackendChoice;
import io.fullrank.certificate.RankCertification;
import io.fullrank.certificate.backend.BackendUnavailableException;
import io.fullrank.certificate.backend.DenseLinearAlgebra;
import io.fullrank.checker.check.CertifiedFeatures;
import io.fullrank.checker.check.ExpressivityCheck;
import io.fullrank.checker.check.OneAtATime;
import io.fullrank.checker.check.TrainingData;
import io.fullrank.checker.check.WitnessSpectrum;
import io.fullrank.checker.configuration.CheckLoopSettings;
import io.fullrank.checker.configuration.CheckerConfiguration;
import io.fullrank.checker.loop.CheckLoop;
import io.fullrank.checker.prometheus.CheckerMetrics;
import io.fullrank.messaging.BrokerWatch;
import io.fullrank.messaging.HangingTransactions;
import io.fullrank.messaging.KafkaConnection;
import io.fullrank.network.tensor.SingleBlasThread;
import io.fullrank.proto.Topic;
import io.fullrank.proto.v1.CheckerServiceGrpc;
import io.fullrank.service.security.KafkaConfiguration;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.config.MeterFilter;
import io.quarkus.grpc.runtime.health.GrpcHealthStorage;
import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import jakarta.enterprise.event.Observes;
import jakarta.enterprise.inject.Produces;
import jakarta.inject.Singleton;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.List;
import java.util.Set;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.eclipse.microprofile.health.HealthCheck;
import org.eclipse.microprofile.health.HealthCheckResponse;
import org.eclipse.microprofile.health.Liveness;
import org.eclipse.microprofile.health.Readiness;
import org.eclipse.microprofile.health.Startup;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Puts the checker together from its configuration, and starts and stops it. What is wrong with the
 * configuration ends the start, with the key in the message; nothing else does.
 */
@Singleton
public class CheckerApplication {

  private static final Logger LOG = LoggerFactory.getLogger(CheckerApplication.class);

  private volatile CheckLoop loop;
  private volatile BrokerWatch broker;
  private GrpcHealthStorage health;
  private boolean shownAsReady;

  void start(
      @Observes StartupEvent started,
      CheckLoop loop,
      CheckLoopSettings settings,
      KafkaConnection kafka,
      CheckerMetrics metrics,
      GrpcHealthStorage health) {
    // Quarkus only logs that its gRPC server could not start.
    if (!health.getStatuses().containsKey(CheckerServiceGrpc.SERVICE_NAME)) {
      throw new IllegalStateException("fullrank.grpc.port: the gRPC server did not start");
    }
    this.health = health;
    show(ServingStatus.NOT_SERVING);
    // What cannot be loaded here ends the start, not the first check.
    SingleBlasThread.loadLibraries();
    loop.start();
    this.loop = loop;
    String watch = settings.name() + "-broker-watch";
    HangingTransactions transactions =
        new HangingTransactions(kafka, watch, List.of(Topic.SNAPSHOTS.name()), settings.group());
    metrics.watch(transactions);
    broker = new BrokerWatch(kafka, watch, transactions, loop::waitsFor, this::showReadiness);
  }

  void stop(@Observes ShutdownEvent stopped, CheckLoop loop) throws InterruptedException {
    if (broker != null) {
      broker.close();
    }
    loop.stop();
  }

  // Clients of the gRPC health service hear the same as those of /q/health/ready.
  private void showReadiness(boolean brokerAnswers) {
    boolean ready = loop.hasJoined() && brokerAnswers;
    if (ready != shownAsReady) {
      show(ready ? ServingStatus.SERVING : ServingStatus.NOT_SERVING);
    }
    shownAsReady = ready;
  }

  private void show(ServingStatus status) {
    health.getStatuses().keySet().forEach(service -> health.setStatus(service, status));
  }

  @Produces
  @Singleton
  OneAtATime oneAtATime() {
    return new OneAtATime();
  }

  @Produces
  @Singleton
  public DenseLinearAlgebra algebra(CheckerConfiguration checker) {
    try {
      BackendChoice choice = checker.backend().choose(checker.threads());
      LOG.info("Certificates are computed by {}", choice.description());
      return choice.algebra();
    } catch (BackendUnavailableException unavailable) {
      throw new IllegalArgumentException(
          "fullrank.checker.backend: " + unavailable.getMessage(), unavailable);
    }
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
  public KafkaConnection kafka(KafkaConfiguration configuration) {
    return configuration.connection();
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
        checker.memoryBytes(),
        checker.maxSnapshotBytes());
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
            new TrainingData(data.directory()),
            certification,
            certifiedFeatures,
            new WitnessSpectrum(checker.spectrum(), algebra),
            oneAtATime,
            settings.name()),
        metrics);
  }

  @Produces
  @Singleton
  CheckerMetrics metrics(
      MeterRegistry registry,
      @ConfigProperty(name = "quarkus.application.version") String version) {
    return new CheckerMetrics(registry, version);
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
  @Readiness
  @Singleton
  HealthCheck joined() {
    return () ->
        HealthCheckResponse.named("consumer group joined")
            .status(loop != null && loop.hasJoined())
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
    return () -> response("native libraries loaded", loop != null);
  }

  @Produces
  @Liveness
  @Singleton
  HealthCheck alive() {
    return () -> response("check loop alive", loop == null || loop.isAlive());
  }

  private static HealthCheckResponse response(String name, boolean up) {
    return HealthCheckResponse.named(name).status(up).build();
  }

  private static String hostName() {
    try {
      return InetAddress.getLocalHost().getHostName();
    } catch (UnknownHostException unnamed) {
      return "unnamed-host";
    }
  }
}
