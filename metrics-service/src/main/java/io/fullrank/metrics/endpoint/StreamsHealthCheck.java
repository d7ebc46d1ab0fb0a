package io.fullrank.metrics.endpoint;

import io.fullrank.metrics.streams.RunStreams;
import jakarta.inject.Singleton;
import org.eclipse.microprofile.health.HealthCheck;
import org.eclipse.microprofile.health.HealthCheckResponse;
import org.eclipse.microprofile.health.Liveness;

/** Over HTTP: the service lives for as long as its streams do. */
@Liveness
@Singleton
public final class StreamsHealthCheck implements HealthCheck {

  private final RunStreams streams;

  /** Creates the check. */
  StreamsHealthCheck(RunStreams streams) {
    this.streams = streams;
  }

  @Override
  public HealthCheckResponse call() {
    return HealthCheckResponse.named("streams alive").status(streams.isAlive()).build();
  }
}
