package io.fullrank.metrics.endpoint;

import io.fullrank.messaging.HangingTransactions;
import io.fullrank.metrics.prometheus.CatchUp;
import jakarta.inject.Singleton;
import org.eclipse.microprofile.health.HealthCheck;
import org.eclipse.microprofile.health.HealthCheckResponse;
import org.eclipse.microprofile.health.Readiness;

/** Over HTTP: the service is ready once its state has caught up. */
@Readiness
@Singleton
public final class CatchUpHealthCheck implements HealthCheck {

  private final CatchUp catchUp;
  private final HangingTransactions transactions;

  /** Creates the check. */
  public CatchUpHealthCheck(CatchUp catchUp, HangingTransactions transactions) {
    this.catchUp = catchUp;
    this.transactions = transactions;
  }

  @Override
  public HealthCheckResponse call() {
    return HealthCheckResponse.named("caught up with the topics")
        .status(catchUp.isDone())
        .withData(
            "waiting for",
            transactions
                .standstill()
                .map(standstill -> catchUp.waitingFor() + "; " + standstill)
                .orElseGet(catchUp::waitingFor))
        .build();
  }
}
