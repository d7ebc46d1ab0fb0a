package io.fullrank.checker;

import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Singleton;
import org.eclipse.microprofile.health.HealthCheck;
import org.eclipse.microprofile.health.HealthCheckResponse;
import org.eclipse.microprofile.health.Liveness;
import org.eclipse.microprofile.health.Readiness;

/** Starts and stops the loop with the process, and reports its health. */
@Singleton
final class CheckerLifecycle {

  private final CheckLoop loop;

  CheckerLifecycle(CheckLoop loop) {
    this.loop = loop;
  }

  void start(@Observes StartupEvent event) {
    loop.start();
  }

  void stop(@Observes ShutdownEvent event) throws InterruptedException {
    loop.close();
  }

  /** Ready once the group has assigned partitions; the native library was loaded before that. */
  @jakarta.enterprise.inject.Produces
  @Readiness
  HealthCheck joined() {
    return () ->
        HealthCheckResponse.named("consumer group joined").status(loop.hasJoined()).build();
  }

  /** Alive while the loop's thread is. */
  @jakarta.enterprise.inject.Produces
  @Liveness
  HealthCheck alive() {
    return () -> HealthCheckResponse.named("check loop alive").status(loop.isAlive()).build();
  }
}
