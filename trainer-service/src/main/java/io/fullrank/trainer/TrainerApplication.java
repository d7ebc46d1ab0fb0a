package io.fullrank.trainer;

import io.fullrank.network.tensor.SingleBlasThread;
import io.fullrank.proto.v1.TrainerServiceGrpc;
import io.fullrank.service.runtime.ServiceHealth;
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

  private final Trainer trainer;
  private final ServiceHealth health;

  TrainerApplication(Trainer trainer, ServiceHealth health) {
    this.trainer = trainer;
    this.health = health;
  }

  void start(@Observes StartupEvent started) {
    health.begin(TrainerServiceGrpc.SERVICE_NAME);
    // What cannot be loaded here ends the start, not the first run.
    SingleBlasThread.loadLibraries();
    trainer.start();
    health.watch();
  }

  void stop(@Observes ShutdownEvent stopped) throws InterruptedException {
    health.stop();
    trainer.close();
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
