package io.fullrank.cli.execution;

import io.fullrank.cli.client.ServiceClient;
import io.fullrank.cli.failure.BadInputException;
import io.fullrank.cli.failure.ExecutionFailedException;
import io.fullrank.cli.message.Labels;
import io.fullrank.cli.message.Runs;
import io.fullrank.cli.report.ExperimentReport;
import io.fullrank.cli.report.ExperimentResult;
import io.fullrank.cli.stack.Liveness;
import io.fullrank.cli.terminal.Environment;
import io.fullrank.cli.terminal.ProgressDisplay;
import io.fullrank.proto.v1.ExperimentSpec;
import io.fullrank.proto.v1.Guarantee;
import io.fullrank.proto.v1.Run;
import io.fullrank.proto.v1.RunState;
import io.fullrank.proto.v1.SubmitExperimentResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;

/** Submits experiments, follows their runs to the end, and sums up the results. */
public final class ExperimentExecution {

  private static final Duration OUTAGE_LIMIT = Duration.ofSeconds(60);
  private static final Duration LEAST_ACCOUNT_LIMIT = Duration.ofSeconds(60);

  private final Environment environment;
  private final ServiceClient client;
  private final Liveness liveness;

  public ExperimentExecution(Environment environment, ServiceClient client, Liveness liveness) {
    this.environment = environment;
    this.client = client;
    this.liveness = liveness;
  }

  /**
   * Runs experiments, all submitted in their order before the first is followed.
   *
   * @param specs at least one
   * @param json where the results go, if anywhere
   * @param whenEnded is told each result as soon as its experiment has ended
   * @throws BadInputException if the trainer finds fault with an experiment
   * @throws ExecutionFailedException naming the runs that did not finish, what was lost, or the
   *     bound that did not hold; the results have been printed and written by then
   */
  public void execute(
      List<ExperimentSpec> specs, Optional<Path> json, Consumer<ExperimentResult> whenEnded)
      throws InterruptedException {
    Map<String, List<String>> submitted = submit(specs);
    environment.out().println();
    Map<String, ExperimentResult> results = new HashMap<>();
    try (ProgressDisplay display = environment.progressDisplay()) {
      new ExperimentWatch(client, display, liveness, OUTAGE_LIMIT, accountLimit(specs))
          .follow(
              submitted,
              (experiment, runs) -> {
                ExperimentResult result = new ExperimentResult(client.compare(experiment), runs);
                whenEnded.accept(result);
                results.put(experiment, result);
              });
    }
    List<ExperimentResult> inOrder = submitted.keySet().stream().map(results::get).toList();
    for (ExperimentResult result : inOrder) {
      environment.out().println();
      result.summary().lines().forEach(environment.out()::println);
    }
    json.ifPresent(
        file -> {
          ExperimentReport.write(file, inOrder.stream().map(ExperimentResult::report).toList());
          environment.out().println("Results as JSON: " + file);
        });
    requireSuccess(inOrder.stream().flatMap(result -> result.runs().stream()).toList());
  }

  /** Returns the names of the runs by experiment, in the order of submission. */
  private Map<String, List<String>> submit(List<ExperimentSpec> specs) {
    Map<String, List<String>> submitted = new LinkedHashMap<>();
    for (ExperimentSpec spec : specs) {
      SubmitExperimentResponse accepted;
      try {
        accepted = client.submit(spec);
      } catch (BadInputException refused) {
        throw new BadInputException(
            refused.getMessage() + alreadyThere(submitted.keySet()), refused);
      } catch (ExecutionFailedException failed) {
        throw new ExecutionFailedException(
            failed.getMessage() + alreadyThere(submitted.keySet()), failed);
      }
      accepted.getWarningsList().forEach(line -> environment.err().println("warning: " + line));
      environment
          .out()
          .printf("Experiment %s: %d runs%n", accepted.getExperiment(), accepted.getRunsCount());
      submitted.put(accepted.getExperiment(), accepted.getRunsList());
    }
    return submitted;
  }

  private static String alreadyThere(Set<String> submitted) {
    return submitted.isEmpty()
        ? ""
        : "; submitted before it, and not cancelled: " + String.join(", ", submitted);
  }

  // An experiment says how long one verdict may take; the last ones come after its runs have ended.
  private static Duration accountLimit(List<ExperimentSpec> specs) {
    return specs.stream()
        .map(spec -> Duration.ofSeconds(spec.getTwoPhase().getVerdictTimeout().getSeconds()))
        .reduce(LEAST_ACCOUNT_LIMIT, (a, b) -> a.compareTo(b) > 0 ? a : b);
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
