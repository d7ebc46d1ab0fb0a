package io.fullrank.cli.bench;

import io.fullrank.cli.failure.ExecutionFailedException;
import java.net.URI;
import java.net.http.HttpClient;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.DoubleBinaryOperator;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * Memory and processor time of the metrics service over a while, beside the processor time of this
 * process. The service is asked once a second.
 */
final class ServiceObservation implements AutoCloseable {

  private static final int PARTS = 3;
  private static final long LIMIT_SECONDS = 60;
  private static final double MEBIBYTE = 1 << 20;

  private final ScheduledExecutorService executor = Executors.newSingleThreadScheduledExecutor();
  private final List<ServiceFigures> taken = Collections.synchronizedList(new ArrayList<>());
  private final HttpClient client;
  private final URI metrics;
  private final long begun;
  private final double ownSecondsBefore;
  private final ScheduledFuture<?> taking;

  /**
   * Begins to observe.
   *
   * @param metrics the address of the service's metrics
   * @throws ExecutionFailedException if it does not answer
   */
  ServiceObservation(HttpClient client, URI metrics) {
    this.client = client;
    this.metrics = metrics;
    begun = System.nanoTime();
    ownSecondsBefore = ownProcessorSeconds();
    taken.add(ServiceFigures.of(client, metrics));
    taking =
        executor.scheduleAtFixedRate(
            () -> taken.add(ServiceFigures.of(client, metrics)), 1, 1, TimeUnit.SECONDS);
  }

  /**
   * Ends the observation and returns lines about what was seen.
   *
   * @throws ExecutionFailedException if the service did not answer all the while
   */
  List<String> end() throws InterruptedException {
    close();
    if (!executor.awaitTermination(LIMIT_SECONDS, TimeUnit.SECONDS)) {
      throw new ExecutionFailedException(
          "%s did not answer within %d s".formatted(metrics, LIMIT_SECONDS));
    }
    if (!taking.isCancelled()) {
      try {
        taking.get();
      } catch (ExecutionException failed) {
        throw new ExecutionFailedException(failed.getCause().getMessage(), failed);
      }
    }
    taken.add(ServiceFigures.of(client, metrics));
    double seconds = (System.nanoTime() - begun) / 1e9;
    double serviceSeconds =
        taken.get(taken.size() - 1).processorSeconds() - taken.get(0).processorSeconds();
    List<String> lines = new ArrayList<>();
    lines.add(
        String.format(
            Locale.ROOT,
            "processors busy: %.2f with the service, %.2f with this load, of %d",
            serviceSeconds / seconds,
            (ownProcessorSeconds() - ownSecondsBefore) / seconds,
            Runtime.getRuntime().availableProcessors()));
    if (taken.get(0).residentBytes().isPresent()) {
      lines.add(
          "resident memory of the service in MiB: %.0f before; most in each third of the time %s"
              .formatted(
                  taken.get(0).residentBytes().getAsDouble() / MEBIBYTE,
                  thirds(figures -> figures.residentBytes().orElseThrow(), Math::max)));
    }
    lines.add(
        "its heap in use in MiB: least, after a collection, in each third of the time %s"
            .formatted(thirds(ServiceFigures::heapBytes, Math::min)));
    return lines;
  }

  @Override
  public void close() {
    executor.shutdown();
  }

  private static double ownProcessorSeconds() {
    return ProcessHandle.current().info().totalCpuDuration().orElseThrow().toNanos() / 1e9;
  }

  private String thirds(ToDoubleFunction<ServiceFigures> figure, DoubleBinaryOperator extreme) {
    List<ServiceFigures> during = List.copyOf(taken.subList(1, taken.size()));
    int parts = Math.min(PARTS, during.size());
    return IntStream.range(0, parts)
        .mapToObj(
            part ->
                during.subList(part * during.size() / parts, (part + 1) * during.size() / parts))
        .map(part -> part.stream().mapToDouble(figure).reduce(extreme).orElseThrow() / MEBIBYTE)
        .map(value -> String.format(Locale.ROOT, "%.0f", value))
        .collect(Collectors.joining(", "));
  }
}
