package io.fullrank.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
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
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;

/** One of the packaged services, configured by its environment alone, as in a container. */
final class ServiceUnderTest implements AutoCloseable {

  static final Path ROOT = Path.of("..").toAbsolutePath().normalize();

  private final Process process;
  private final Path log;
  private final int grpcPort;
  private final int httpPort;

  private ServiceUnderTest(Process process, Path log, int grpcPort, int httpPort) {
    this.process = process;
    this.log = log;
    this.grpcPort = grpcPort;
    this.httpPort = httpPort;
  }

  static ServiceUnderTest start(Service service, Path log, Map<String, String> environment)
      throws IOException {
    int grpcPort = freePort();
    int httpPort = freePort();
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx256m",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-Dorg.bytedeco.javacpp.maxphysicalbytes=0",
                "-jar",
                Installation.sourceTree(ROOT).services().get(service).toString()));
    ProcessBuilder builder =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()));
    builder.environment().put("OMP_NUM_THREADS", "1");
    builder.environment().put("OPENBLAS_NUM_THREADS", "1");
    builder.environment().put("FULLRANK_GRPC_PORT", Integer.toString(grpcPort));
    builder.environment().put("FULLRANK_HTTP_PORT", Integer.toString(httpPort));
    builder.environment().putAll(environment);
    return new ServiceUnderTest(builder.start(), log, grpcPort, httpPort);
  }

  int grpcPort() {
    return grpcPort;
  }

  int httpPort() {
    return httpPort;
  }

  String address() {
    return "localhost:" + grpcPort;
  }

  String log() throws IOException {
    return Files.readString(log);
  }

  boolean isAlive() {
    return process.isAlive();
  }

  /** Waits until the service ends by itself; returns its exit status. */
  int awaitExit() throws InterruptedException {
    assertThat(process.waitFor(120, TimeUnit.SECONDS)).isTrue();
    return process.exitValue();
  }

  void awaitReady(HttpClient https) {
    awaitReady(() -> get(https, "/q/health/ready"));
  }

  /** Waits for a service without TLS. */
  void awaitReady() {
    awaitReady(() -> getInPlainText("/q/health/ready"));
  }

  private void awaitReady(Callable<HttpResponse<String>> readiness) {
    await()
        .atMost(Duration.ofSeconds(120))
        // It does not listen yet.
        .ignoreExceptionsInstanceOf(IOException.class)
        .untilAsserted(
            () -> {
              assertThat(process.isAlive()).as(log()).isTrue();
              HttpResponse<String> ready = readiness.call();
              assertThat(ready.statusCode()).as(log() + ready.body()).isEqualTo(200);
            });
  }

  /** Gets a path over HTTPS, with headers by name and value. */
  HttpResponse<String> get(HttpClient https, String path, String... headers) throws IOException {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(URI.create("https://localhost:" + httpPort + path))
            .timeout(Duration.ofSeconds(20));
    return send(https, headers.length == 0 ? request : request.headers(headers));
  }

  /** Gets a path over HTTP without TLS. */
  HttpResponse<String> getInPlainText(String path) throws IOException {
    return send(
        HttpClient.newHttpClient(),
        HttpRequest.newBuilder(URI.create("http://localhost:" + httpPort + path))
            .timeout(Duration.ofSeconds(20)));
  }

  /** Puts a body of some length where none is expected. */
  HttpResponse<String> put(HttpClient https, String path, int bytes, String... headers)
      throws IOException {
    return send(
        https,
        HttpRequest.newBuilder(URI.create("https://localhost:" + httpPort + path))
            .timeout(Duration.ofSeconds(20))
            .headers(headers)
            // The answer has to come before the body is sent, or the connection is reset.
            .version(HttpClient.Version.HTTP_1_1)
            .expectContinue(true)
            .PUT(HttpRequest.BodyPublishers.ofByteArray(new byte[bytes])));
  }

  private static HttpResponse<String> send(HttpClient client, HttpRequest.Builder request)
      throws IOException {
    try {
      return client.send(request.build(), HttpResponse.BodyHandlers.ofString());
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      throw new IOException(interrupted);
    }
  }

  @Override
  public void close() throws InterruptedException {
    process.destroy();
    if (!process.waitFor(60, TimeUnit.SECONDS)) {
      process.destroyForcibly().waitFor();
    }
  }

  static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    }
  }
}
