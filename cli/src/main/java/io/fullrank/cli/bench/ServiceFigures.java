package io.fullrank.cli.bench;

import io.fullrank.cli.failure.ExecutionFailedException;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.OptionalDouble;
import java.util.stream.DoubleStream;

/**
 * What the metrics service tells of its own process at one moment, at its {@code /metrics}.
 *
 * @param residentBytes memory that the process has; absent where its system does not tell
 * @param heapBytes the part of the heap that is in use, garbage included
 * @param processorSeconds time on processors since it started
 * @param watchers clients that watch a run
 */
record ServiceFigures(
    OptionalDouble residentBytes, double heapBytes, double processorSeconds, int watchers) {

  private static final Duration LIMIT = Duration.ofSeconds(30);

  /**
   * Asks a service.
   *
   * @param metrics the address of its metrics
   * @throws ExecutionFailedException if it does not answer, or lacks a figure that is looked for
   */
  static ServiceFigures of(HttpClient client, URI metrics) {
    try {
      HttpResponse<String> response =
          client.send(
              HttpRequest.newBuilder(metrics).timeout(LIMIT).build(),
              HttpResponse.BodyHandlers.ofString());
      if (response.statusCode() != 200) {
        throw new ExecutionFailedException(
            "%s answers with HTTP status %d".formatted(metrics, response.statusCode()));
      }
      String text = response.body();
      return new ServiceFigures(
          values(text, "process_resident_memory_bytes").findFirst(),
          values(text, "jvm_memory_used_bytes{area=\"heap\"").sum(),
          required(text, "process_cpu_seconds_total", metrics),
          (int) required(text, "fullrank_run_watchers", metrics));
    } catch (IOException failed) {
      throw new ExecutionFailedException(
          "%s does not answer (%s); --metrics-http-port says where the metrics service serves HTTP"
              .formatted(metrics, failed),
          failed);
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      throw new ExecutionFailedException("interrupted", interrupted);
    }
  }

  private static double required(String text, String name, URI metrics) {
    return values(text, name)
        .findFirst()
        .orElseThrow(
            () ->
                new ExecutionFailedException(
                    "%s has no %s: is it the metrics service's?".formatted(metrics, name)));
  }

  // A line is the name, labels in braces if there are any, and the value.
  private static DoubleStream values(String text, String beginning) {
    return text.lines()
        .filter(line -> line.startsWith(beginning))
        .mapToDouble(line -> Double.parseDouble(line.substring(line.lastIndexOf(' ') + 1)));
  }
}
