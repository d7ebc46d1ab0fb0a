package io.fullrank.testsupport.process;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.fullrank.testsupport.FreePort;
import io.fullrank.testsupport.Waiting;
import io.fullrank.testsupport.client.HttpEndpoint;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;

/** A packaged service in a process of its own, as a user starts it, on ports that were free. */
public final class PackagedService implements AutoCloseable {

  private final JavaCommand command;
  private final Path log;
  private final int grpcPort;
  private final int httpPort;
  private final HttpEndpoint http;
  private final JavaProcess process;

  private PackagedService(JavaCommand command, Path log, int grpcPort, int httpPort)
      throws IOException {
    this.command = command;
    this.log = log;
    this.grpcPort = grpcPort;
    this.httpPort = httpPort;
    http = HttpEndpoint.http(httpPort);
    process =
        command
            .in(
                Map.of(
                    "FULLRANK_GRPC_PORT", Integer.toString(grpcPort),
                    "FULLRANK_HTTP_PORT", Integer.toString(httpPort)))
            .start(log);
  }

  /**
   * Starts a service.
   *
   * @param command {@link JavaCommand#service} with what configures it; ports are added, unless its
   *     options have some
   */
  public static PackagedService start(JavaCommand command, Path log) throws IOException {
    return new PackagedService(command, log, FreePort.any(), FreePort.any());
  }

  /** Starts the service again on the same ports; this process must have ended. */
  public PackagedService startAgain() throws IOException {
    return new PackagedService(command, log, grpcPort, httpPort);
  }

  /** Returns the port at which it answers gRPC. */
  public int grpcPort() {
    return grpcPort;
  }

  /** Returns the port at which it answers HTTP or HTTPS. */
  public int httpPort() {
    return httpPort;
  }

  /** Returns what it serves over HTTP without TLS. */
  public HttpEndpoint http() {
    return http;
  }

  /** Returns what it and earlier processes with the same log have printed so far. */
  public String log() throws IOException {
    return process.log();
  }

  /** Returns whether it runs. */
  public boolean isAlive() {
    return process.isAlive();
  }

  /** Waits until it is alive, as it says over HTTP. */
  public PackagedService awaitLive() {
    awaitOk(http, "/q/health/live");
    return this;
  }

  /** Waits until it is ready, as it says over HTTP. */
  public void awaitReady() {
    awaitReady(http);
  }

  /** Waits until it is ready, as it says to a client. */
  public void awaitReady(HttpEndpoint client) {
    awaitOk(client, "/q/health/ready");
  }

  /** Waits until it ends by itself; returns its exit status. */
  public int awaitExit() throws IOException, InterruptedException {
    return process.awaitExit();
  }

  /** Kills it (SIGKILL): it gets no chance to say or write anything. */
  public void kill() throws InterruptedException {
    process.kill();
  }

  /** Asks it to stop (SIGTERM) and asserts that it has within a minute. */
  @Override
  public void close() throws InterruptedException {
    process.close();
  }

  private void awaitOk(HttpEndpoint client, String path) {
    await()
        .atMost(Waiting.LIMIT)
        .untilAsserted(
            () -> {
              assertThat(isAlive()).as(log()).isTrue();
              assertThat(client.status(path)).as(log() + said(client, path)).isEqualTo(200);
            });
  }

  // Readiness says what is waited for.
  private static String said(HttpEndpoint client, String path) {
    try {
      return client.get(path).body();
    } catch (IOException notYet) {
      return notYet.toString();
    }
  }
}
