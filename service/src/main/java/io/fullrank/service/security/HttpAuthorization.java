package io.fullrank.service.security;

import io.fullrank.proto.v1.Role;
import io.grpc.Status;
import io.grpc.StatusException;
import io.quarkus.vertx.http.runtime.filters.Filters;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.json.JsonObject;
import io.vertx.ext.web.RoutingContext;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Singleton;

/**
 * Lets HTTP requests of readers through, and all requests for health. 401 says that the caller is
 * unknown, 403 that it lacks the role.
 */
@Singleton
public final class HttpAuthorization {

  private static final String HEALTH = "/q/health";

  // It comes before all handlers that answer.
  private static final int PRIORITY = 1000;

  private final WireSecurity security;

  /** Creates the filter. */
  public HttpAuthorization(WireSecurity security) {
    this.security = security;
  }

  void addTo(@Observes Filters filters) {
    security
        .authorization()
        .ifPresent(
            authorization ->
                filters.register(
                    request -> authorize(authorization, security.refusals(), request), PRIORITY));
  }

  private static void authorize(
      Authorization authorization, RefusalLog refusals, RoutingContext routing) {
    if (routing.normalizedPath().equals(HEALTH)
        || routing.normalizedPath().startsWith(HEALTH + "/")) {
      routing.next();
      return;
    }
    try {
      authorization.require(
          Role.ROLE_READER,
          routing.request().getHeader(HttpHeaders.AUTHORIZATION),
          routing.request().sslSession());
      routing.next();
    } catch (StatusException refused) {
      Status status = refused.getStatus();
      refusals.refused(
          routing.request().method() + " " + routing.normalizedPath(),
          routing.request().remoteAddress().toString(),
          routing.request().remoteAddress().hostAddress(),
          status);
      boolean unknown = status.getCode() == Status.Code.UNAUTHENTICATED;
      if (unknown) {
        routing.response().putHeader("WWW-Authenticate", "Bearer");
      }
      routing
          .response()
          .setStatusCode(unknown ? 401 : 403)
          .putHeader(HttpHeaders.CONTENT_TYPE, "application/json")
          .end(
              new JsonObject()
                  .put("code", status.getCode().name())
                  .put("message", status.getDescription())
                  .encode());
    }
  }
}
