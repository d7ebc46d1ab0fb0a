package io.fullrank.cli;

import io.fullrank.proto.v1.Comparison;
import io.fullrank.proto.v1.ExperimentSpec;
import io.fullrank.proto.v1.Guarantee;
import io.fullrank.proto.v1.Run;
import io.fullrank.proto.v1.RunState;
import io.fullrank.proto.v1.SubmitExperimentResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** The way of one experiment: submitted, followed to its end, summed up. */
final class ExperimentExecution {

  private static final Duration OUTAGE_LIMIT = Duration.ofSeconds(60);
  private static final Duration ACCOUNT_LIMIT = Duration.ofSeconds(60);

  private final Environment environment;
  private final ServiceClient client;
  private final Liveness liveness;

  ExperimentExecution(Environment environment, ServiceClient client, Liveness liveness) {
    this.environment = environment;
    this.client = client;
    this.liveness = liveness;
  }

  /**
   * Runs an experiment.
   *
   * @param json where the results go, if anywhere
   * @throws BadInputException if the trainer finds fault with the experiment
   * @throws ExecutionFailedException naming the runs that did not finish, what was lost, or the
   *     bound that did not hold; the results have been printed and written by then
   */
  void execute(ExperimentSpec spec, Optional<Path> json) throws InterruptedException {
    SubmitExperimentResponse submitted = client.submit(spec);
    submitted.getWarningsList().forEach(line -> environment.err().println("warning: " + line));
    environment
        .out()
        .printf("Experiment %s: %d runs%n%n", submitted.getExperiment(), submitted.getRunsCount());
    List<Run> runs;
    try (ProgressDisplay display = environment.progressDisplay()) {
      runs =
          new ExperimentWatch(client, display, liveness, OUTAGE_LIMIT, ACCOUNT_LIMIT)
              .follow(submitted.getExperiment(), submitted.getRunsList());
    }
    Comparison comparison = client.compare(submitted.getExperiment());
    environment.out().println();
    new ExperimentSummary(submitted.getExperiment(), spec, runs, comparison)
        .lines()
        .forEach(environment.out()::println);
    json.ifPresent(
        file -> {
          ExperimentReport.of(submitted.getExperiment(), spec, runs, comparison).write(file);
          environment.out().println("Results as JSON: " + file);
        });
    requireSuccess(runs);
  }

  private static void requireSuccess(List<Run> runs) {
    List<String> failures = new ArrayList<>();
    for (Run run : runs) {
      String name = run.getRequest().getRun();
      if (run.getState() != RunState.RUN_STATE_FINISHED) {
        failures.add(
            "run %s %s: %s"
                .formatted(
                    name,
                    Labels.constant(run.getState(), "RUN_STATE_"),
                    run.getResult().getReason()));
      }
      if (Runs.guaranteeOf(run).filter(ExperimentExecution::isBroken).isPresent()) {
        failures.add("run %s: the guaranteed bound on the loss did not hold".formatted(name));
      }
    }
    List<Run> unbalanced =
        runs.stream().filter(run -> Runs.unaccounted(run.getSnapshots()) != 0).toList();
    if (!unbalanced.isEmpty()) {
      failures.add(
          "%d snapshots of %d runs are not accounted for, %s first"
              .formatted(
                  unbalanced.stream().mapToLong(run -> Runs.unaccounted(run.getSnapshots())).sum(),
                  unbalanced.size(),
                  unbalanced.get(0).getRequest().getRun()));
    }
    if (!failures.isEmpty()) {
      throw new ExecutionFailedException(String.join("; ", failures));
    }
  }

  private static boolean isBroken(Guarantee guarantee) {
    return guarantee.hasHeld() && !guarantee.getHeld();
  }
}
