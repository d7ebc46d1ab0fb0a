package io.fullrank.trainer;

import io.fullrank.network.tensor.SingleBlasThread;
import io.fullrank.proto.v1.TrainerServiceGrpc;
import io.fullrank.service.runtime.ServiceHealth;
import io.fullrank.trainer.configuration.TrainerConfiguration;
import io.fullrank.trainer.ingest.Ingest;
import io.fullrank.trainer.run.Trainer;
import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import jakarta.enterprise.event.Observes;
import jakarta.enterprise.inject.Produces;
import jakarta.inject.Singleton;
import org.eclipse.microprofile.health.HealthCheck;
import org.eclipse.microprofile.health.Liveness;
import org.eclipse.microprofile.health.Readiness;
import org.eclipse.microprofile.health.Startup;

/** Starts the service, stops it, and says how it is. {@link TrainerProducers} makes its parts. */
@Singleton
class TrainerApplication {

  private final boolean trains;
  private final Trainer trainer;
  private final Ingest ingest;
  private final ServiceHealth health;

  TrainerApplication(
      TrainerConfiguration configuration, Trainer trainer, Ingest ingest, ServiceHealth health) {
    this.trains = configuration.trains();
    this.trainer = trainer;
    this.ingest = ingest;
    this.health = health;
  }

  void start(@Observes StartupEvent started) {
    health.begin(TrainerServiceGrpc.SERVICE_NAME);
    if (trains) {
      // What cannot be loaded here ends the start, not the first run.
      SingleBlasThread.loadLibraries();
      trainer.start();
    }
    ingest.start();
    health.watch();
  }

  void stop(@Observes ShutdownEvent stopped) throws InterruptedException {
    health.stop();
    // First, so that clients connect elsewhere while the run in training is given up.
    ingest.close();
    if (trains) {
      trainer.close();
    }
  }

  @Produces
  @Readiness
  @Singleton
  HealthCheck joined() {
    return health.joined("run queue joined");
  }

  @Produces
  @Readiness
  @Singleton
  HealthCheck brokerAnswers() {
    return health.brokerAnswers();
  }

  @Produces
  @Startup
  @Singleton
  HealthCheck started() {
    return health.started("native libraries loaded");
  }

  @Produces
  @Liveness
  @Singleton
  HealthCheck alive() {
    return health.alive("trainer's threads alive");
  }
}
