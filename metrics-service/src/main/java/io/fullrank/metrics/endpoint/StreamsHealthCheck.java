package io.fullrank.metrics.endpoint;

import io.fullrank.metrics.streams.RunStreams;
import io.fullrank.service.runtime.VitalTasks;
import jakarta.inject.Singleton;
import org.eclipse.microprofile.health.HealthCheck;
import org.eclipse.microprofile.health.HealthCheckResponse;
import org.eclipse.microprofile.health.Liveness;

/** Over HTTP: the service lives for as long as its streams and its other tasks do. */
@Liveness
@Singleton
public final class StreamsHealthCheck implements HealthCheck {

  private final RunStreams streams;
  private final VitalTasks tasks;

  /** Creates the check. */
  StreamsHealthCheck(RunStreams streams, VitalTasks tasks) {
    this.streams = streams;
    this.tasks = tasks;
  }

  @Override
  public HealthCheckResponse call() {
    return HealthCheckResponse.named("streams alive")
        .status(streams.isAlive() && tasks.isAlive())
        .build();
  }
}
