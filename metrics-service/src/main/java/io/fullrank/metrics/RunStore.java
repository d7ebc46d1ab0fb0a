package io.fullrank.metrics;

import io.fullrank.proto.v1.Run;
import io.fullrank.proto.v1.RunRequest;
import io.fullrank.proto.v1.Verdict;
import java.time.Instant;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;

/**
 * Keeps the history of every run in memory, in the order of submission. One thread applies records,
 * any thread may read.
 */
public final class RunStore {

  /**
   * Verdicts of one attempt of a run.
   *
   * @param attempt the attempt that is shown, 0 before the first
   */
  record Verdicts(long attempt, List<Verdict> verdicts) {}

  private record Submission(Instant at, String experiment, int variant, long seed, String run)
      implements Comparable<Submission> {

    // Runs of one experiment are submitted at once: the rest of the order is for people.
    private static final Comparator<Submission> ORDER =
        Comparator.comparing(Submission::at)
            .thenComparing(Submission::experiment)
            .thenComparing(Submission::variant)
            .thenComparing(Submission::seed, Long::compareUnsigned)
            .thenComparing(Submission::run);

    static Submission of(RunRequest request) {
      return new Submission(
          Instant.ofEpochSecond(
              request.getSubmittedAt().getSeconds(), request.getSubmittedAt().getNanos()),
          request.getExperiment(),
          request.getVariantValue(),
          request.getSeed(),
          request.getRun());
    }

    @Override
    public int compareTo(Submission other) {
      return ORDER.compare(this, other);
    }
  }

  private final Map<String, RunHistory> histories = new HashMap<>();
  // The known ones among the histories.
  private final NavigableMap<Submission, RunHistory> submissions = new TreeMap<>();
  private final Map<String, Collection<Runnable>> watchers = new ConcurrentHashMap<>();

  /** Applies a record, then calls those who watch its run if that changed it. */
  public void apply(RunRecord record) {
    if (fold(record)) {
      watchers.getOrDefault(record.run(), List.of()).forEach(Runnable::run);
    }
  }

  private synchronized boolean fold(RunRecord record) {
    RunHistory history = histories.computeIfAbsent(record.run(), unused -> new RunHistory());
    if (history.isKnown()) {
      submissions.remove(Submission.of(history.request()));
    }
    boolean changed = record.foldInto(history);
    if (history.isKnown()) {
      submissions.put(Submission.of(history.request()), history);
    }
    return changed;
  }

  /** Returns a run, or empty if none of this name was submitted. */
  public synchronized Optional<Run> run(String name) {
    return known(name).map(RunHistory::view);
  }

  /** Returns all runs in the order of their submission. */
  public synchronized List<Run> runs() {
    return submissions.values().stream().map(RunHistory::view).toList();
  }

  /** Returns the runs of an experiment in the order of their submission. */
  synchronized List<Run> runs(String experiment) {
    return runs(experiment, Optional.empty(), Integer.MAX_VALUE);
  }

  /**
   * Returns the runs that follow another in the order of their submission.
   *
   * @param experiment only runs of this experiment; empty means all
   * @param after name of a submitted run, or empty to begin with the first
   * @param limit how many at most
   */
  synchronized List<Run> runs(String experiment, Optional<String> after, int limit) {
    return after
        .flatMap(this::known)
        .map(history -> submissions.tailMap(Submission.of(history.request()), false))
        .orElse(submissions)
        .entrySet()
        .stream()
        .filter(run -> experiment.isEmpty() || run.getKey().experiment().equals(experiment))
        .limit(limit)
        .map(run -> run.getValue().view())
        .toList();
  }

  /** Returns the names of the runs submitted last, the newest first, at most so many. */
  synchronized List<String> latestRuns(int limit) {
    return submissions.descendingMap().keySet().stream().map(Submission::run).limit(limit).toList();
  }

  /** Returns the names of the experiments submitted last, the newest first, at most so many. */
  synchronized List<String> latestExperiments(int limit) {
    return submissions.descendingMap().keySet().stream()
        .map(Submission::experiment)
        .distinct()
        .limit(limit)
        .toList();
  }

  /**
   * Returns verdicts of a run by step, or empty if none of this name was submitted.
   *
   * @param after the place after which to begin, or empty for the first verdict
   * @param limit how many at most
   */
  synchronized Optional<Verdicts> verdicts(String run, Optional<CheckLedger.Key> after, int limit) {
    return known(run)
        .map(history -> new Verdicts(history.attempt(), history.checks().verdicts(after, limit)));
  }

  /**
   * Has a watcher called after every change of a run, by the thread that applied it, until the
   * returned handle is closed.
   */
  Watching watch(String run, Runnable watcher) {
    watchers.compute(
        run,
        (unused, present) -> {
          Collection<Runnable> all = present == null ? new CopyOnWriteArrayList<>() : present;
          all.add(watcher);
          return all;
        });
    return () ->
        watchers.computeIfPresent(
            run,
            (unused, remaining) -> {
              remaining.remove(watcher);
              return remaining.isEmpty() ? null : remaining;
            });
  }

  /** Returns how many watchers there are. */
  int watcherCount() {
    return watchers.values().stream().mapToInt(Collection::size).sum();
  }

  /** Ends the calls to a watcher. */
  interface Watching extends AutoCloseable {
    @Override
    void close();
  }

  private Optional<RunHistory> known(String run) {
    return Optional.ofNullable(histories.get(run)).filter(RunHistory::isKnown);
  }
}
