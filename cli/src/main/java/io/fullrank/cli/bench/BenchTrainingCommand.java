package io.fullrank.cli.bench;

import io.fullrank.cli.execution.ExperimentOptions;
import io.fullrank.cli.failure.BadInputException;
import io.fullrank.cli.failure.ExecutionFailedException;
import io.fullrank.cli.failure.ExitCode;
import io.fullrank.cli.report.Json;
import io.fullrank.cli.terminal.Environment;
import io.fullrank.network.data.DataSet;
import io.fullrank.network.data.DataSets;
import io.fullrank.network.data.sample.DataSetException;
import io.fullrank.network.state.TrainingCheckpoint;
import io.fullrank.network.training.TrainingObserver;
import io.fullrank.network.training.TrainingRun;
import io.fullrank.network.training.TrainingSnapshot;
import io.fullrank.proto.v1.ExperimentSpec;
import io.fullrank.proto.v1.Guarantee;
import io.fullrank.proto.v1.Progress;
import io.fullrank.proto.v1.RuleEvent;
import io.fullrank.proto.v1.RunResult;
import io.fullrank.proto.v1.RunState;
import io.fullrank.proto.v1.Variant;
import io.fullrank.proto.v1.Verdict;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.function.Supplier;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code fullrank bench training}. */
@Command(
    name = "training",
    description = {
      "Measures the steps of an experiment's base algorithm on all layers, in this process: no Kafka, no snapshots.",
      "A step that ends an epoch includes the evaluation; the median hides these few steps."
    },
    footerHeading = "%nExamples:%n",
    footer = {"  fullrank bench training examples/mnist-resnet.yaml --data ~/data --steps 200"})
public final class BenchTrainingCommand implements Callable<Integer> {

  private final Environment environment;

  @Spec private CommandSpec spec;

  @Parameters(paramLabel = "EXPERIMENT.yaml", description = "The experiment file.")
  private Path experiment;

  @Option(
      names = "--data",
      paramLabel = "DIR",
      defaultValue = "data",
      description = "Folder that holds one folder per data set (default: ${DEFAULT-VALUE}).")
  private Path data;

  @Option(
      names = "--warm-up",
      paramLabel = "N",
      defaultValue = "50",
      description = "Steps that are not measured, at the beginning (default: ${DEFAULT-VALUE}).")
  private int warmUp;

  @Option(
      names = "--steps",
      paramLabel = "N",
      defaultValue = "200",
      description = "Steps that are measured (default: ${DEFAULT-VALUE}).")
  private int steps;

  @Mixin private ExperimentOptions options;

  public BenchTrainingCommand(Environment environment) {
    this.environment = environment;
  }

  /**
   * What was measured, as {@code --json} writes it.
   *
   * @param batchSize rows of a step
   * @param imagesPerSecond of the median step
   */
  record Result(
      String experiment,
      String processor,
      int processors,
      String jdk,
      int batchSize,
      int steps,
      double bestSeconds,
      double medianSeconds,
      double imagesPerSecond) {}

  @Override
  public Integer call() {
    if (steps < 1 || warmUp < 0) {
      throw new ParameterException(
          spec.commandLine(),
          "--steps must be at least 1 and --warm-up at least 0, not %d and %d"
              .formatted(steps, warmUp));
    }
    Optional<Path> json = options.json();
    ExperimentSpec endless =
        options.read(experiment).toBuilder().setEpochs(1_000_000).clearRules().build();
    Result result = measure(endless, load(endless));
    environment
        .out()
        .println(
            String.format(
                Locale.ROOT,
                "%s: %.0f images/s, %.2f ms per step of %d (median of %d; best %.2f ms); %s, %d processors, JDK %s",
                result.experiment(),
                result.imagesPerSecond(),
                1e3 * result.medianSeconds(),
                result.batchSize(),
                steps,
                1e3 * result.bestSeconds(),
                result.processor(),
                result.processors(),
                result.jdk()));
    json.ifPresent(file -> Json.write(file, result));
    return ExitCode.OK;
  }

  private DataSet load(ExperimentSpec endless) {
    try {
      return DataSets.load(endless.getDataSet(), data);
    } catch (DataSetException unusable) {
      throw new BadInputException(unusable.getMessage(), unusable);
    }
  }

  private Result measure(ExperimentSpec endless, DataSet rows) {
    TrainingRun training;
    try {
      training = new TrainingRun(endless, Variant.VARIANT_BASE, 1, rows);
    } catch (IllegalArgumentException unfit) {
      throw new BadInputException("%s: %s".formatted(experiment, unfit.getMessage()), unfit);
    }
    StepTimes times = new StepTimes(warmUp + steps);
    RunResult ended = training.train(times);
    if (ended.getState() != RunState.RUN_STATE_CANCELLED) {
      throw new ExecutionFailedException(ended.getReason());
    }
    double[] sorted = times.seconds(warmUp);
    Arrays.sort(sorted);
    double median = sorted[sorted.length / 2];
    return new Result(
        endless.getName(),
        Processor.model(),
        Runtime.getRuntime().availableProcessors(),
        System.getProperty("java.version"),
        training.batchSize(),
        steps,
        sorted[0],
        median,
        training.batchSize() / median);
  }

  /** Looks at the clock before each step, and ends training after a given number of steps. */
  private static final class StepTimes implements TrainingObserver {
    private final long[] nanos;
    private int begun;

    StepTimes(int steps) {
      nanos = new long[steps + 1];
    }

    /** Returns how long each step took, in seconds, without the steps before {@code first}. */
    double[] seconds(int first) {
      double[] seconds = new double[nanos.length - 1 - first];
      Arrays.setAll(seconds, i -> 1e-9 * (nanos[first + i + 1] - nanos[first + i]));
      return seconds;
    }

    @Override
    public void started(long step) {
      // Steps are what counts.
    }

    @Override
    public void offerCheckpoint(boolean essential, Supplier<TrainingCheckpoint> checkpoint) {
      // No run is resumed from here.
    }

    @Override
    public boolean cancelled() {
      nanos[begun++] = System.nanoTime();
      return begun == nanos.length;
    }

    @Override
    public void snapshot(TrainingSnapshot snapshot) {
      // Streaming is measured elsewhere.
    }

    @Override
    public void progress(Progress progress) {
      // Only times count.
    }

    @Override
    public Optional<Verdict> awaitVerdict(TrainingSnapshot witness, Duration timeout) {
      throw new IllegalStateException("a base run has no switch");
    }

    @Override
    public List<Verdict> verdicts() {
      return List.of();
    }

    @Override
    public void ruleActed(RuleEvent event) {
      throw new IllegalStateException("the experiment has no rules");
    }

    @Override
    public void keepCheckpoint(TrainingCheckpoint checkpoint) {
      throw new IllegalStateException("the experiment has no rules");
    }

    @Override
    public void guarantee(Guarantee guarantee) {
      throw new IllegalStateException("a base run has no guarantee");
    }
  }
}
