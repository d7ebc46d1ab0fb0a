package io.fullrank.cli.bench;

import io.fullrank.cli.client.ServerAddress;
import io.fullrank.cli.failure.ExecutionFailedException;
import io.fullrank.cli.failure.ExitCode;
import io.fullrank.cli.terminal.Environment;
import io.grpc.StatusRuntimeException;
import java.io.PrintStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.time.Duration;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.common.KafkaException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code fullrank bench metrics}. */
@Command(
    name = "metrics",
    description = {
      "Measures the metrics service of a running stack: records ingested, calls answered, streams kept.",
      "The runs are made up, and deleted in the end; no trainer takes them."
    },
    footerHeading = "%nExamples:%n",
    footer = {"  fullrank bench metrics --seconds 60"})
public final class BenchMetricsCommand implements Callable<Integer> {

  private static final Duration STREAMS_END_LIMIT = Duration.ofSeconds(10);
  private static final Duration PAUSE = Duration.ofMillis(100);

  private final Environment environment;

  @Spec private CommandSpec spec;

  @Option(
      names = "--server",
      paramLabel = "HOST",
      converter = ServerAddress.HostConverter.class,
      defaultValue = "localhost",
      description = "Host of the stack (default: ${DEFAULT-VALUE}).")
  private String server;

  @Option(
      names = "--kafka-port",
      paramLabel = "PORT",
      converter = ServerAddress.PortConverter.class,
      defaultValue = "9092",
      description = "Port of its broker (default: ${DEFAULT-VALUE}).")
  private int kafkaPort;

  @Option(
      names = "--metrics-port",
      paramLabel = "PORT",
      converter = ServerAddress.PortConverter.class,
      defaultValue = "9003",
      description = "gRPC port of its metrics service (default: ${DEFAULT-VALUE}).")
  private int metricsPort;

  @Option(
      names = "--metrics-http-port",
      paramLabel = "PORT",
      converter = ServerAddress.PortConverter.class,
      defaultValue = "8083",
      description = "HTTP port of its metrics service (default: ${DEFAULT-VALUE}).")
  private int metricsHttpPort;

  @Option(
      names = "--runs",
      paramLabel = "N",
      defaultValue = "500",
      description = "Runs (default: ${DEFAULT-VALUE}).")
  private int runs;

  @Option(
      names = "--history",
      paramLabel = "K",
      defaultValue = "200",
      description = "Progress records of each to begin with (default: ${DEFAULT-VALUE}).")
  private int history;

  @Option(
      names = "--records",
      paramLabel = "R",
      defaultValue = "10000",
      description = "Progress records per second to ingest (default: ${DEFAULT-VALUE}).")
  private int records;

  @Option(
      names = "--streams",
      paramLabel = "S",
      defaultValue = "200",
      description = "Clients that watch a run (default: ${DEFAULT-VALUE}).")
  private int streams;

  @Option(
      names = "--calls",
      paramLabel = "C",
      defaultValue = "2000",
      description = "Calls per second beside them (default: ${DEFAULT-VALUE}).")
  private int calls;

  @Option(
      names = "--warm-up",
      paramLabel = "W",
      defaultValue = "20",
      description = {
        "How long to call before that, with figures of its own: a service that has just started",
        "compiles what it runs for the first time (default: ${DEFAULT-VALUE})."
      })
  private int warmUp;

  @Option(
      names = "--seconds",
      paramLabel = "T",
      defaultValue = "60",
      description = "How long to ingest, and then how long to call (default: ${DEFAULT-VALUE}).")
  private int seconds;

  public BenchMetricsCommand(Environment environment) {
    this.environment = environment;
  }

  @Override
  public Integer call() throws InterruptedException {
    BenchCommand.requirePositive(spec, "--runs", runs);
    BenchCommand.requirePositive(spec, "--history", history);
    BenchCommand.requirePositive(spec, "--records", records);
    BenchCommand.requirePositive(spec, "--streams", streams);
    BenchCommand.requirePositive(spec, "--calls", calls);
    BenchCommand.requirePositive(spec, "--warm-up", warmUp);
    BenchCommand.requirePositive(spec, "--seconds", seconds);
    URI metrics = URI.create("http://%s:%d/metrics".formatted(server, metricsHttpPort));
    HttpClient client = HttpClient.newHttpClient();
    // Asked first, so that a wrong port is noticed now and not after minutes.
    var unused = ServiceFigures.of(client, metrics);
    PrintStream out = environment.out();
    try (MetricsLoad load = new MetricsLoad(server + ":" + kafkaPort, server, metricsPort, runs)) {
      print(out, "history, as fast as it goes", load.history(history));
      print(
          out,
          "%d records/s for %d s".formatted(records, seconds),
          load.progress(records, seconds));
      // Beside the calls, as many progress records as training might report.
      try (MetricsLoad.Streams watchers = load.watch(streams)) {
        print(out, warmUp, load.calls(calls, runs, warmUp));
        try (ServiceObservation observation = new ServiceObservation(client, metrics)) {
          long before = watchers.states().get();
          print(out, seconds, load.calls(calls, runs, seconds));
          out.printf(
              Locale.ROOT,
              "streams: %d of %d open at the end, %.0f states/s%n",
              watchers.open().get(),
              streams,
              (watchers.states().get() - before) / (double) seconds);
          observation.end().forEach(out::println);
        }
      }
      out.printf(
          "streams still open after their clients have gone: %d%n", watchersLeft(client, metrics));
      return ExitCode.OK;
    } catch (StatusRuntimeException | KafkaException failed) {
      throw new ExecutionFailedException(
          "the stack at %s failed: %s".formatted(server, failed.getMessage()), failed);
    }
  }

  private static void print(PrintStream out, String what, MetricsLoad.Ingestion ingestion) {
    out.printf(
        Locale.ROOT,
        "%s: %d records, %.0f records/s, the last one seen %.2f s after it was sent%n",
        what,
        ingestion.records(),
        ingestion.perSecond(),
        ingestion.lagSeconds());
  }

  private void print(PrintStream out, int during, MetricsLoad.Calls measured) {
    out.printf(
        Locale.ROOT,
        "%d calls/s for %d s, %d runs reporting once a second: %.0f calls/s answered, %d failed; "
            + "p50 %.2f ms, p99 %.2f ms, p99.9 %.2f ms, longest %.1f ms%n",
        calls,
        during,
        runs,
        measured.perSecond(),
        measured.failed(),
        measured.millis()[0],
        measured.millis()[1],
        measured.millis()[2],
        measured.millis()[3]);
    measured.reason().ifPresent(reason -> out.println("the last that failed: " + reason));
  }

  // The service learns that clients have gone a moment after they have.
  private static int watchersLeft(HttpClient client, URI metrics) throws InterruptedException {
    long begun = System.nanoTime();
    int left = ServiceFigures.of(client, metrics).watchers();
    while (left > 0 && System.nanoTime() - begun < STREAMS_END_LIMIT.toNanos()) {
      TimeUnit.NANOSECONDS.sleep(PAUSE.toNanos());
      left = ServiceFigures.of(client, metrics).watchers();
    }
    return left;
  }
}
