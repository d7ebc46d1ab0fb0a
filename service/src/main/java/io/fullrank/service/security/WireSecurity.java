package io.fullrank.service.security;

import io.fullrank.service.configuration.ServiceConfiguration;
import io.grpc.netty.GrpcSslContexts;
import io.netty.handler.ssl.ClientAuth;
import io.netty.handler.ssl.SslContextBuilder;
import io.quarkus.grpc.api.ServerBuilderCustomizer;
import io.quarkus.grpc.runtime.config.GrpcServerConfiguration;
import io.quarkus.vertx.http.HttpServerOptionsCustomizer;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.net.KeyCertOptions;
import io.vertx.core.net.TrustOptions;
import io.vertx.grpc.VertxServerBuilder;
import jakarta.annotation.PreDestroy;
import jakarta.inject.Singleton;
import java.util.Optional;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLException;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.jboss.logging.Logger;

/**
 * Secures both servers as the configuration says: TLS, admitted callers, length of messages. See
 * decision 22.
 */
@Singleton
public class WireSecurity
    implements ServerBuilderCustomizer<VertxServerBuilder>, HttpServerOptionsCustomizer {

  private static final Logger LOG = Logger.getLogger(WireSecurity.class);

  private final int maxMessageBytes;
  private final Optional<TransportSecurity> transport;
  private final Optional<Authorization> authorization;
  private final ScheduledExecutorService background =
      Executors.newSingleThreadScheduledExecutor(WireSecurity::daemon);
  private final RefusalLog refusals = new RefusalLog(background);

  /** Reads certificates, keys and roles, and does so again from time to time. */
  public WireSecurity(
      ServiceConfiguration configuration,
      @ConfigProperty(name = "quarkus.application.name") String name,
      @ConfigProperty(name = "quarkus.application.version") String version) {
    maxMessageBytes = configuration.grpc().maxMessageBytes();
    transport = TransportSecurity.of(configuration.tls());
    authorization = Authorization.of(configuration, transport);
    // In place of Quarkus' own line, which says http:// whatever the customizers below do.
    LOG.infof(
        "%s %s: gRPC on %s:%d and %s on port %d, %s, %s",
        name,
        version,
        configuration.host(),
        configuration.grpc().port(),
        transport.isPresent() ? "HTTPS" : "HTTP",
        configuration.http().port(),
        transport.isPresent() ? "with TLS" : "in plain text",
        authorization.isPresent() ? "for callers that have a role" : "for all callers");
    if (transport.isPresent() || authorization.isPresent()) {
      var unused =
          background.scheduleWithFixedDelay(
              this::reload, 0, configuration.reloadInterval().toMillis(), TimeUnit.MILLISECONDS);
    }
  }

  /** Returns the service's TLS, if it has any. */
  public Optional<TransportSecurity> transport() {
    return transport;
  }

  Optional<Authorization> authorization() {
    return authorization;
  }

  RefusalLog refusals() {
    return refusals;
  }

  @Override
  public void customize(GrpcServerConfiguration unused, VertxServerBuilder server) {
    server.maxInboundMessageSize(maxMessageBytes).addStreamTracerFactory(refusals);
    authorization.ifPresent(allowed -> server.intercept(new CallAuthorization(allowed)));
    transport.ifPresent(tls -> secure(server, tls));
  }

  private static void secure(VertxServerBuilder server, TransportSecurity tls) {
    try {
      server
          .nettyBuilder()
          .sslContext(
              GrpcSslContexts.configure(
                      SslContextBuilder.forServer(tls.identity())
                          .trustManager(tls.clientTrust())
                          .clientAuth(ClientAuth.OPTIONAL))
                  .build());
    } catch (SSLException refused) {
      throw new IllegalStateException("TLS for gRPC: " + refused.getMessage(), refused);
    }
  }

  @Override
  public void customizeHttpServer(HttpServerOptions options) {
    transport.ifPresent(
        tls ->
            options
                .setSsl(true)
                .setUseAlpn(true)
                .setClientAuth(io.vertx.core.http.ClientAuth.REQUEST)
                .setKeyCertOptions(KeyCertOptions.wrap(tls.identity()))
                .setTrustOptions(TrustOptions.wrap(tls.clientTrust())));
  }

  @PreDestroy
  void stop() {
    background.shutdownNow();
  }

  private void reload() {
    try {
      transport.ifPresent(TransportSecurity::reload);
      authorization.ifPresent(Authorization::reload);
    } catch (RuntimeException failed) {
      // If it were thrown, the files would not be read again any more.
      LOG.error("Certificates and keys could not be read again", failed);
    }
  }

  private static Thread daemon(Runnable task) {
    Thread thread = new Thread(task, "wire-security");
    thread.setDaemon(true);
    return thread;
  }
}
