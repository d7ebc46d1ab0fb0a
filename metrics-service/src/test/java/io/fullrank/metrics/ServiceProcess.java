package io.fullrank.metrics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** The packaged service in a process of its own, as a user starts it. */
public final class ServiceProcess implements AutoCloseable {

  private static final Path JAR = Path.of("target/quarkus-app/quarkus-run.jar");

  private final HttpClient http = HttpClient.newHttpClient();
  private final Path output;
  private final int grpcPort;
  private final int httpPort;
  private final Process process;

  private ServiceProcess(Path output, int grpcPort, int httpPort, List<String> options)
      throws IOException {
    this.output = output;
    this.grpcPort = grpcPort;
    this.httpPort = httpPort;
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"));
    command.add("-Dfullrank.grpc.port=" + grpcPort);
    command.add("-Dfullrank.http.port=" + httpPort);
    command.addAll(options);
    command.addAll(List.of("-jar", JAR.toString()));
    process =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.appendTo(output.toFile()))
            .start();
  }

  /** Starts the service on free ports. */
  static ServiceProcess start(Path output, String... options) throws IOException {
    return new ServiceProcess(output, freePort(), freePort(), List.of(options));
  }

  /** Starts the service anew on the ports of this one, which must have ended. */
  ServiceProcess startAgain(String... options) throws IOException {
    return new ServiceProcess(output, grpcPort, httpPort, List.of(options));
  }

  int grpcPort() {
    return grpcPort;
  }

  /** Returns the address of a path, served over HTTP. */
  public URI uri(String path) {
    return URI.create("http://127.0.0.1:" + httpPort + path);
  }

  String output() throws IOException {
    return Files.readString(output);
  }

  /** Returns the HTTP status of a path, 0 as long as nothing listens. */
  int status(String path) {
    try {
      return get(path).statusCode();
    } catch (IOException notYet) {
      return 0;
    }
  }

  /** Returns the metrics in Prometheus' text format, without comments. */
  List<String> metrics() {
    try {
      HttpResponse<String> response = get("/metrics");
      assertThat(response.statusCode()).isEqualTo(200);
      return response.body().lines().filter(line -> !line.startsWith("#")).toList();
    } catch (IOException failed) {
      throw new UncheckedIOException(failed);
    }
  }

  void awaitReady() {
    await()
        .atMost(Duration.ofSeconds(90))
        // It does not listen yet.
        .ignoreExceptionsInstanceOf(IOException.class)
        .untilAsserted(
            () -> {
              assertThat(process.isAlive()).as(output()).isTrue();
              HttpResponse<String> ready = get("/q/health/ready");
              assertThat(ready.statusCode()).as(output() + ready.body()).isEqualTo(200);
            });
  }

  /** Waits until the service ends by itself; returns its exit status. */
  int awaitExit() throws InterruptedException {
    assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
    return process.exitValue();
  }

  /** Kills the service without a chance to clean up. */
  void kill() throws InterruptedException {
    process.destroyForcibly().waitFor();
  }

  /** Asks the service to stop and waits until it has. */
  @Override
  public void close() {
    process.destroy();
    process.onExit().orTimeout(30, TimeUnit.SECONDS).join();
  }

  static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    }
  }

  private HttpResponse<String> get(String path) throws IOException {
    try {
      return http.send(
          HttpRequest.newBuilder(uri(path)).timeout(Duration.ofSeconds(10)).build(),
          HttpResponse.BodyHandlers.ofString());
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      throw new IOException(interrupted);
    }
  }
}
