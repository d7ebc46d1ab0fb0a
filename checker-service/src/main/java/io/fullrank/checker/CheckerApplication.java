package io.fullrank.checker;

import io.fullrank.checker.loop.CheckLoop;
import io.fullrank.network.tensor.SingleBlasThread;
import io.fullrank.proto.v1.CheckerServiceGrpc;
import io.fullrank.service.runtime.ServiceHealth;
import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import jakarta.enterprise.event.Observes;
import jakarta.enterprise.inject.Produces;
import jakarta.inject.Singleton;
import org.eclipse.microprofile.health.HealthCheck;
import org.eclipse.microprofile.health.Liveness;
import org.eclipse.microprofile.health.Readiness;
import org.eclipse.microprofile.health.Startup;

/** Starts the service, stops it, and says how it is. {@link CheckerProducers} makes its parts. */
@Singleton
class CheckerApplication {

  private final CheckLoop loop;
  private final ServiceHealth health;

  CheckerApplication(CheckLoop loop, ServiceHealth health) {
    this.loop = loop;
    this.health = health;
  }

  void start(@Observes StartupEvent started) {
    health.begin(CheckerServiceGrpc.SERVICE_NAME);
    // What cannot be loaded here ends the start, not the first check.
    SingleBlasThread.loadLibraries();
    loop.start();
    health.watch();
  }

  void stop(@Observes ShutdownEvent stopped) throws InterruptedException {
    health.stop();
    loop.stop();
  }

  @Produces
  @Readiness
  @Singleton
  HealthCheck joined() {
    return health.joined("consumer group joined");
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
    return health.alive("check loop alive");
  }
}
