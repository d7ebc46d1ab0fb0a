package io.fullrank.cli.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.fullrank.cli.CommandRun;
import io.fullrank.cli.ReservedPorts;
import io.fullrank.cli.failure.ExecutionFailedException;
import io.fullrank.cli.installation.Endpoint;
import io.fullrank.cli.installation.Installation;
import io.fullrank.cli.stack.Stack;
import io.fullrank.cli.stack.StackSettings;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A little load on a packaged stack. */
class BenchMetricsIT {

  @TempDir Path work;

  @Test
  void measuresAStackAndLeavesNothingBehind() throws Exception {
    StackSettings settings =
        new StackSettings(ReservedPorts.ofStack(), Optional.empty(), Optional.of(work), false);
    try (Stack stack =
        Stack.start(
            Installation.sourceTree(Path.of("..").toAbsolutePath().normalize()), settings)) {
      CommandRun bench =
          CommandRun.of(
              "bench",
              "metrics",
              "--kafka-port=" + stack.ports().of(Endpoint.KAFKA),
              "--metrics-port=" + stack.ports().of(Endpoint.METRICS_GRPC),
              "--metrics-http-port=" + stack.ports().of(Endpoint.METRICS_HTTP),
              "--runs=10",
              "--history=3",
              "--records=100",
              "--streams=5",
              "--calls=40",
              "--warm-up=1",
              "--seconds=2");

      assertThat(bench.err()).isEmpty();
      assertThat(bench.status()).isZero();
      assertThat(bench.out().lines())
          .anyMatch(line -> line.startsWith("history, as fast as it goes: 50 records, "))
          .anyMatch(line -> line.startsWith("100 records/s for 2 s: 200 records, "))
          .anyMatch(
              line ->
                  line.startsWith("40 calls/s for 1 s")
                      && line.contains("calls/s answered, 0 failed; p50 "))
          .anyMatch(
              line ->
                  line.startsWith("40 calls/s for 2 s")
                      && line.contains("calls/s answered, 0 failed; p50 "))
          .anyMatch(line -> line.startsWith("streams: 5 of 5 open at the end, "))
          .anyMatch(
              line ->
                  line.matches(
                      "processors busy: [0-9.]+ with the service, [0-9.]+ with this load, of \\d+"))
          .anyMatch(
              line ->
                  line.matches(
                      "resident memory of the service in MiB: \\d+ before; most in each third of"
                          + " the time \\d+(, \\d+)*"))
          .anyMatch(line -> line.matches("its heap in use in MiB: .* time \\d+(, \\d+)*"))
          .contains("streams still open after their clients have gone: 0");
      CommandRun runs =
          CommandRun.of("runs", "--metrics-port=" + stack.ports().of(Endpoint.METRICS_GRPC));
      assertThat(runs.out()).doesNotContain("bench-metrics");
    }
  }

  @Test
  void saysThatNoServiceIsThere() throws Exception {
    try (ServerSocket closed = new ServerSocket(0)) {
      int port = closed.getLocalPort();
      closed.close();
      URI metrics = URI.create("http://localhost:%d/metrics".formatted(port));
      assertThatThrownBy(() -> ServiceFigures.of(HttpClient.newHttpClient(), metrics))
          .isInstanceOf(ExecutionFailedException.class)
          .hasMessageContaining("localhost:%d/metrics does not answer".formatted(port))
          .hasMessageContaining("--metrics-http-port");
    }
  }

  @Test
  void saysWhatIsWrongWithAnOption() {
    CommandRun bench = CommandRun.of("bench", "metrics", "--runs=0");
    assertThat(bench.status()).isEqualTo(2);
    assertThat(bench.err()).startsWith("fullrank: --runs must be at least 1, not 0");
  }
}
