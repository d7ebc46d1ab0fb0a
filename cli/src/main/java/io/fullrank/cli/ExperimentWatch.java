package io.fullrank.cli;

import io.fullrank.proto.v1.Run;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * Follows the runs of one experiment to their end, and until what became of their snapshots is
 * known.
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
   * @param runs the names of the runs
   * @return the runs as they are then, in the order of their names in {@code runs}
   * @throws ExecutionFailedException if the metrics service stays away
   */
  List<Run> follow(String experiment, List<String> runs) throws InterruptedException {
    long lastAnswer = System.nanoTime();
    long lastChange = System.nanoTime();
    List<Run> known = List.of();
    while (true) {
      try {
        List<Run> now = inOrder(client.listRuns(experiment), runs);
        lastAnswer = System.nanoTime();
        if (!now.equals(known)) {
          lastChange = lastAnswer;
          known = now;
        }
        display.show(known);
      } catch (ServiceUnavailableException away) {
        if (System.nanoTime() - lastAnswer > outageLimit.toNanos()) {
          throw new ExecutionFailedException(
              "%s for %d s; runs that have started go on, see 'fullrank runs --experiment %s'"
                  .formatted(away.getMessage(), outageLimit.toSeconds(), experiment),
              away);
        }
      }
      boolean ended = known.size() == runs.size() && known.stream().allMatch(Runs::hasEnded);
      if (ended
          && (known.stream().allMatch(run -> Runs.unaccounted(run.getSnapshots()) == 0)
              || System.nanoTime() - lastChange > accountLimit.toNanos())) {
        display.close();
        return known;
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
