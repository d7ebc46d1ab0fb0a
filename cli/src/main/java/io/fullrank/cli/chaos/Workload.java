package io.fullrank.cli.chaos;

import io.fullrank.cli.client.ServiceClient;
import io.fullrank.cli.failure.BadInputException;
import io.fullrank.cli.failure.ExecutionFailedException;
import io.fullrank.cli.failure.ServiceUnavailableException;
import io.fullrank.cli.message.Runs;
import io.fullrank.network.experiment.ExperimentFile;
import io.fullrank.proto.v1.ExperimentSpec;
import io.fullrank.proto.v1.Run;
import io.fullrank.proto.v1.SubmitExperimentResponse;
import java.io.PrintStream;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Small experiments of several algorithms, one after the other. */
final class Workload implements Runnable {

  private static final Duration POLL = Duration.ofMillis(500);
  private static final Duration END_LIMIT = Duration.ofMinutes(15);
  private static final Duration WORTH_TELLING = Duration.ofMinutes(1);

  private final PrintStream out;
  private final ServiceClient client;
  private final List<ExperimentSpec> experiments;
  private final int first;
  private volatile boolean ending;

  /**
   * Prepares a client that submits.
   *
   * @param out is told what is waited for, where that takes long
   * @param experiments are submitted in turn
   * @param first which of them to begin with
   */
  Workload(PrintStream out, ServiceClient client, List<ExperimentSpec> experiments, int first) {
    this.out = out;
    this.client = client;
    this.experiments = experiments;
    this.first = first;
  }

  /**
   * Returns examples that need no files of data, made small: their runs take seconds. They wait for
   * verdicts as long as it takes, since what comes of a run depends on them.
   */
  static List<ExperimentSpec> experiments(Path examples) {
    return List.of(
        small(examples.resolve("strokes.yaml"), "sgd"),
        small(examples.resolve("strokes-gradient-descent.yaml"), "gradient-descent"),
        small(examples.resolve("strokes-bcgd.yaml"), "bcgd"),
        small(
            examples.resolve("strokes.yaml"),
            "adam",
            "algorithm={adam: {batch-size: 20}}",
            "two-phase.solver=nesterov"));
  }

  private static ExperimentSpec small(Path example, String name, String... further) {
    List<String> overrides =
        new ArrayList<>(
            List.of(
                "name=" + name,
                "dataset={name: strokes, train: 120, test: 100}",
                "network.widths=[32, 32, 192]",
                "epochs=100",
                "seeds=[1]",
                "snapshots={every-epochs: 25, weights: true, gradients: true}",
                "two-phase.verdict-timeout=1h"));
    overrides.addAll(List.of(further));
    return ExperimentFile.read(example, overrides);
  }

  /** Submits one experiment after the other, each when the one before has ended, until told. */
  @Override
  public void run() {
    try {
      for (int i = first; !ending; i++) {
        submitAndFollow(experiments.get(i % experiments.size()));
      }
    } catch (InterruptedException stopped) {
      Thread.currentThread().interrupt();
    }
  }

  /** Makes the experiment that is under way the last one. */
  void end() {
    ending = true;
  }

  /**
   * Submits an experiment, until a trainer has accepted it, and waits until its runs have ended and
   * their snapshots are accounted for.
   *
   * @return its identity
   * @throws ExecutionFailedException if that takes too long
   */
  String submitAndFollow(ExperimentSpec spec) throws InterruptedException {
    SubmitExperimentResponse accepted = null;
    while (accepted == null) {
      try {
        accepted = client.submit(spec);
      } catch (ServiceUnavailableException away) {
        pause();
      } catch (BadInputException refused) {
        throw new ExecutionFailedException(
            "%s was refused: %s".formatted(spec.getName(), refused.getMessage()), refused);
      }
    }
    awaitEnd(out, client, accepted.getExperiment(), accepted.getRunsCount());
    return accepted.getExperiment();
  }

  /**
   * Waits until runs have ended and their snapshots are accounted for.
   *
   * @param out is told each minute what is open
   * @param experiment the identity of an experiment, or empty for the runs of all
   * @param count how many runs there are
   * @throws ExecutionFailedException if that takes too long, naming what is open
   */
  static List<Run> awaitEnd(PrintStream out, ServiceClient client, String experiment, int count)
      throws InterruptedException {
    long begun = System.nanoTime();
    long told = begun;
    while (true) {
      List<Run> runs = List.of();
      try {
        runs = client.listRuns(experiment);
        if (runs.size() >= count && runs.stream().allMatch(Workload::isOver)) {
          return runs;
        }
      } catch (ServiceUnavailableException away) {
        assert runs.isEmpty();
      }
      long now = System.nanoTime();
      if (now - begun > END_LIMIT.toNanos()) {
        throw new ExecutionFailedException(notOver(END_LIMIT, runs, count));
      }
      if (now - told > WORTH_TELLING.toNanos()) {
        told = now;
        out.println("waits: " + notOver(Duration.ofNanos(now - begun), runs, count));
      }
      pause();
    }
  }

  private static String notOver(Duration waited, List<Run> runs, int count) {
    return "after %d min there are %d of %d runs; not over: %s"
        .formatted(
            waited.toMinutes(),
            runs.size(),
            count,
            runs.stream()
                .filter(run -> !isOver(run))
                .map(
                    run ->
                        "%s (%s, %d snapshots unaccounted)"
                            .formatted(
                                run.getRequest().getRun(),
                                run.getState(),
                                Runs.unaccounted(run.getSnapshots())))
                .toList());
  }

  private static boolean isOver(Run run) {
    return Runs.hasEnded(run) && Runs.unaccounted(run.getSnapshots()) == 0;
  }

  private static void pause() throws InterruptedException {
    TimeUnit.NANOSECONDS.sleep(POLL.toNanos());
  }
}
