package io.fullrank.metrics.endpoint;

import grpc.health.v1.HealthOuterClass.HealthCheckResponse.ServingStatus;
import io.fullrank.metrics.prometheus.CatchUp;
import io.quarkus.grpc.runtime.health.GrpcHealthStorage;
import jakarta.annotation.Priority;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.inject.Alternative;
import jakarta.inject.Inject;

/**
 * Over gRPC: no service is serving before the state has caught up, whatever the server says when it
 * has started.
 */
@Alternative
@Priority(1)
@ApplicationScoped
public class CatchUpHealthStorage extends GrpcHealthStorage {

  private final CatchUp catchUp;

  /** Creates the storage. */
  @Inject
  public CatchUpHealthStorage(CatchUp catchUp) {
    this.catchUp = catchUp;
  }

  @Override
  public void setStatus(String service, ServingStatus status) {
    if (!catchUp.isDone()) {
      super.setStatus(service, ServingStatus.NOT_SERVING);
    }
    catchUp.whenDone(() -> super.setStatus(service, status));
  }
}
