package io.fullrank.cli.command;

import io.fullrank.certificate.Backend;
import io.fullrank.certificate.RankCertification;
import io.fullrank.certificate.backend.BackendUnavailableException;
import io.fullrank.certificate.backend.DenseLinearAlgebra;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.result.Cancellation;
import io.fullrank.certificate.result.Certificate;
import io.fullrank.certificate.result.InsufficientMemoryException;
import io.fullrank.certificate.result.NonFiniteEntryException;
import io.fullrank.certificate.result.Outcome;
import io.fullrank.cli.client.KafkaOptions;
import io.fullrank.cli.failure.BadInputException;
import io.fullrank.cli.failure.ExecutionFailedException;
import io.fullrank.cli.failure.ExitCode;
import io.fullrank.cli.report.RunCheckReport;
import io.fullrank.cli.snapshot.PublishedSnapshots;
import io.fullrank.cli.snapshot.TrainedNetwork;
import io.fullrank.cli.terminal.CheckProgress;
import io.fullrank.cli.terminal.Environment;
import io.fullrank.network.exact.ExactNetwork;
import io.fullrank.proto.v1.Snapshot;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code fullrank check-run}. */
@Command(
    name = "check-run",
    description = {
      "Certifies the features of a run at one step, as a checker does: recomputed from the weights"
          + " that the run published, as long as Kafka keeps its snapshot (a day)."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  fullrank check-run semeion-fc-0a1b2c.two-phase.1 --step 640 --data DIR",
      "  fullrank check-run semeion-fc-0a1b2c.two-phase.1 --step 640 --data DIR --exact",
      "",
      "Exit status: 0 CERTIFIED (with --exact: of the exact network, too), 3 REFUTED, 4 UNDETERMINED"
          + " (with --exact also: certified as computed only), 2 for unusable input."
    })
public final class CheckRunCommand implements Callable<Integer> {

  private final Environment environment;

  @Parameters(paramLabel = "RUN", description = "The run's name.")
  private String run;

  @Option(
      names = "--step",
      paramLabel = "K",
      required = true,
      description = "The step of the run's snapshot.")
  private long step;

  @Option(
      names = "--exact",
      description =
          "Also judge the network in exact arithmetic, with a bound on every rounding error.")
  private boolean exact;

  @Option(
      names = "--data",
      paramLabel = "DIR",
      defaultValue = "data",
      description = "Folder of the run's data set (default: ${DEFAULT-VALUE}).")
  private Path data;

  @Option(
      names = "--backend",
      paramLabel = "BACKEND",
      description = "Backend: auto (CUDA where it is usable), openblas or cuda (default: auto).")
  private Backend backend = Backend.AUTO;

  @Option(names = "--json", description = "Print the certificate as JSON.")
  private boolean json;

  @Mixin private KafkaOptions kafka;

  public CheckRunCommand(Environment environment) {
    this.environment = environment;
  }

  @Override
  public Integer call() {
    int threads = Runtime.getRuntime().availableProcessors();
    RunCheckReport report =
        check(
            new PublishedSnapshots(kafka.connection()).find(run, step), algebra(threads), threads);
    if (json) {
      environment.out().println(report.toJson());
    } else {
      report.lines().forEach(environment.out()::println);
    }
    Outcome outcome = report.features().certificate().outcome();
    if (outcome == Outcome.REFUTED) {
      return ExitCode.REFUTED;
    }
    return outcome == Outcome.CERTIFIED && (!exact || report.isExact())
        ? ExitCode.OK
        : ExitCode.UNDETERMINED;
  }

  private DenseLinearAlgebra algebra(int threads) {
    try {
      return backend.choose(threads).algebra();
    } catch (BackendUnavailableException unavailable) {
      throw new BadInputException(
          "--backend " + backend + ": " + unavailable.getMessage(), unavailable);
    }
  }

  private RunCheckReport check(Snapshot snapshot, DenseLinearAlgebra algebra, int threads) {
    if (snapshot.hasFeatures()) {
      throw new BadInputException(
          ("run %s: its features are as another program sent them; 'fullrank prove %s --step %d"
                  + " --out DIR' saves them with a proof of their rank, or says why there is none")
              .formatted(run, run, step));
    }
    long start = System.nanoTime();
    Map<String, Duration> seconds = new LinkedHashMap<>();
    TrainedNetwork trained = TrainedNetwork.of(snapshot, data);
    CheckProgress progress = environment.checkProgress();
    try (Matrix features = trained.features()) {
      seconds.put("load", since(start));
      Certificate certificate =
          new RankCertification(algebra).certify(features, progress, Cancellation.NEVER);
      seconds.putAll(certificate.stages());
      long begin = System.nanoTime();
      Optional<ExactNetwork> judged =
          exact && certificate.outcome() == Outcome.CERTIFIED
              ? Optional.of(
                  ExactNetwork.judge(
                      trained.network(),
                      trained.parameters(),
                      trained.samples(),
                      features,
                      certificate,
                      algebra,
                      threads))
              : Optional.empty();
      if (judged.isPresent()) {
        seconds.put("exact", since(begin));
      }
      seconds.put("total", since(start));
      return RunCheckReport.of(
          run, step, HexFormat.of().formatHex(features.sha256()), certificate, judged, seconds);
    } catch (NonFiniteEntryException unusable) {
      throw new BadInputException("run " + run + ": " + unusable.getMessage(), unusable);
    } catch (InsufficientMemoryException tooLarge) {
      throw new ExecutionFailedException("run " + run + ": " + tooLarge.getMessage(), tooLarge);
    } finally {
      progress.end();
    }
  }

  private static Duration since(long start) {
    return Duration.ofNanos(System.nanoTime() - start);
  }
}
