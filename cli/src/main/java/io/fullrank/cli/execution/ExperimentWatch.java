package io.fullrank.cli.execution;

import io.fullrank.cli.client.ServiceClient;
import io.fullrank.cli.failure.ExecutionFailedException;
import io.fullrank.cli.failure.ServiceUnavailableException;
import io.fullrank.cli.message.Runs;
import io.fullrank.cli.stack.Liveness;
import io.fullrank.cli.terminal.ProgressDisplay;
import io.fullrank.proto.v1.Run;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.BiConsumer;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * Follows the runs of experiments until they have ended and all of their snapshots are accounted
 * for.
 */
final class ExperimentWatch {

  private static final Duration POLL = Duration.ofMillis(400);

  private final ServiceClient client;
  private final ProgressDisplay display;
  private final Liveness liveness;
  private final Duration outageLimit;
  private final Duration accountLimit;

  /**
   * Prepares to watch.
   *
   * @param outageLimit how long the metrics service may stay away
   * @param accountLimit how long to wait, once all runs have ended, for the next verdict
   */
  ExperimentWatch(
      ServiceClient client,
      ProgressDisplay display,
      Liveness liveness,
      Duration outageLimit,
      Duration accountLimit) {
    this.client = client;
    this.display = display;
    this.liveness = liveness;
    this.outageLimit = outageLimit;
    this.accountLimit = accountLimit;
  }

  /**
   * Shows the runs until all have ended and all their snapshots are accounted for, or nothing has
   * moved for too long.
   *
   * @param experiments the names of the runs, by experiment
   * @param whenEnded is told once, as soon as it is so, that an experiment has ended thus, with its
   *     runs in the order of their names
   * @throws ExecutionFailedException if the metrics service stays away
   */
  void follow(Map<String, List<String>> experiments, BiConsumer<String, List<Run>> whenEnded)
      throws InterruptedException {
    Map<String, List<Run>> known = new LinkedHashMap<>();
    experiments.keySet().forEach(experiment -> known.put(experiment, List.of()));
    Set<String> open = new LinkedHashSet<>(experiments.keySet());
    long lastAnswer = System.nanoTime();
    long lastChange = System.nanoTime();
    while (true) {
      try {
        for (String experiment : List.copyOf(open)) {
          List<Run> now = inOrder(client.listRuns(experiment), experiments.get(experiment));
          lastAnswer = System.nanoTime();
          if (!now.equals(known.put(experiment, now))) {
            lastChange = lastAnswer;
          }
        }
        display.show(known.values().stream().flatMap(List::stream).toList());
        boolean stalled = System.nanoTime() - lastChange > accountLimit.toNanos();
        for (String experiment : List.copyOf(open)) {
          List<Run> runs = known.get(experiment);
          boolean ended =
              runs.size() == experiments.get(experiment).size()
                  && runs.stream().allMatch(Runs::hasEnded);
          if (ended
              && (stalled
                  || runs.stream().allMatch(run -> Runs.unaccounted(run.getSnapshots()) == 0))) {
            whenEnded.accept(experiment, runs);
            open.remove(experiment);
          }
        }
      } catch (ServiceUnavailableException away) {
        if (System.nanoTime() - lastAnswer > outageLimit.toNanos()) {
          throw new ExecutionFailedException(
              "%s for %d s; runs that have started go on, see 'fullrank runs --experiment %s'"
                  .formatted(away.getMessage(), outageLimit.toSeconds(), open.iterator().next()),
              away);
        }
      }
      if (open.isEmpty()) {
        display.close();
        return;
      }
      liveness.await(POLL);
    }
  }

  // Right after the submission the metrics service may not have read all of the runs yet.
  private static List<Run> inOrder(List<Run> listed, List<String> runs) {
    Map<String, Run> byName =
        listed.stream()
            .collect(Collectors.toMap(run -> run.getRequest().getRun(), Function.identity()));
    return runs.stream().filter(byName::containsKey).map(byName::get).toList();
  }
}
