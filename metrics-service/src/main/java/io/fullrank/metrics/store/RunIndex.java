package io.fullrank.metrics.store;

import com.google.protobuf.Timestamp;
import io.fullrank.metrics.v1.HeldExperiment;
import io.fullrank.metrics.v1.RunFilter;
import io.fullrank.metrics.v1.StoredRun;
import io.fullrank.metrics.v1.Submission;
import io.fullrank.proto.v1.RunCount;
import io.fullrank.proto.v1.RunState;
import java.time.Instant;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Predicate;

/**
 * The known runs of one partition in the order of their submission, in memory, with all that lists
 * of runs and of experiments select and count by. Not safe for use by several threads.
 */
final class RunIndex {

  /**
   * What is known of a run besides its place.
   *
   * @param endedAt when the run ended; empty if it has not
   */
  private record Entry(RunState state, String dataSet, Optional<Timestamp> endedAt) {

    static Entry of(StoredRun run) {
      RunState state = RunHistory.state(run);
      return new Entry(
          state,
          run.getRequest().getSpec().getDataSet().getName(),
          RunHistory.hasEnded(state) ? Optional.of(end(run)) : Optional.empty());
    }

    private static Timestamp end(StoredRun run) {
      if (run.hasEndedAt()) {
        return run.getEndedAt();
      }
      return run.hasLastEventAt() ? run.getLastEventAt() : run.getRequest().getSubmittedAt();
    }
  }

  private final NavigableMap<Submission, Entry> entries = new TreeMap<>(SubmissionOrder.COMPARATOR);
  private final Map<String, Submission> places = new HashMap<>();
  // When runs are stalled if nothing comes, by name, without those of which that was told.
  private final Map<String, Instant> silenceLimits = new HashMap<>();

  /** Enters a run as it is stored now, or removes it if it is not known any more. */
  void update(String name, StoredRun run) {
    Silence.limit(run)
        .ifPresentOrElse(limit -> silenceLimits.put(name, limit), () -> silenceLimits.remove(name));
    if (!RunHistory.isKnown(run)) {
      Submission gone = places.remove(name);
      if (gone != null) {
        entries.remove(gone);
      }
      return;
    }
    Submission place = SubmissionOrder.of(run.getRequest());
    Submission before = places.put(name, place);
    if (before != null && !before.equals(place)) {
      entries.remove(before);
    }
    entries.put(place, Entry.of(run));
  }

  /** Returns the places of the runs that have become stalled since this was asked last. */
  List<Submission> newlyStalled(Instant now) {
    List<Submission> stalled = new ArrayList<>();
    silenceLimits
        .entrySet()
        .removeIf(
            silence ->
                !silence.getValue().isAfter(now) && stalled.add(places.get(silence.getKey())));
    return stalled;
  }

  /** Returns the place of a run, or empty if the run is not known. */
  Optional<Submission> place(String name) {
    return Optional.ofNullable(places.get(name));
  }

  /**
   * Returns the places of runs in the order of their submission.
   *
   * @param filter which runs
   * @param after the place after which to begin, or empty for the first
   * @param limit how many at most
   */
  List<Submission> places(RunFilter filter, Optional<Submission> after, int limit) {
    return after.map(place -> entries.tailMap(place, false)).orElse(entries).entrySet().stream()
        .filter(matching(filter))
        .limit(limit)
        .map(Map.Entry::getKey)
        .toList();
  }

  /** Returns the experiments as far as their runs are in this partition, in no order. */
  List<HeldExperiment> experiments() {
    Map<String, Map<RunState, Integer>> counts = new HashMap<>();
    Map<String, HeldExperiment.Builder> experiments = new LinkedHashMap<>();
    entries.forEach(
        (place, entry) -> {
          HeldExperiment.Builder experiment =
              experiments.computeIfAbsent(
                  place.getExperiment(), unused -> HeldExperiment.newBuilder().setFirst(place));
          counts
              .computeIfAbsent(place.getExperiment(), unused -> new EnumMap<>(RunState.class))
              .merge(entry.state(), 1, Integer::sum);
          entry
              .endedAt()
              .filter(
                  end ->
                      !experiment.hasLastEnd()
                          || SubmissionOrder.BY_TIME.compare(experiment.getLastEnd(), end) < 0)
              .ifPresent(experiment::setLastEnd);
        });
    experiments.forEach(
        (name, experiment) ->
            counts
                .get(name)
                .forEach(
                    (state, runs) ->
                        experiment.addRuns(RunCount.newBuilder().setState(state).setRuns(runs))));
    return experiments.values().stream().map(HeldExperiment.Builder::build).toList();
  }

  private static Predicate<Map.Entry<Submission, Entry>> matching(RunFilter filter) {
    return run ->
        (filter.getExperiment().isEmpty()
                || filter.getExperiment().equals(run.getKey().getExperiment()))
            && (filter.getStatesCount() == 0
                || filter.getStatesList().contains(run.getValue().state()))
            && (filter.getDataSet().isEmpty()
                || filter.getDataSet().equals(run.getValue().dataSet()))
            && (filter.getVariantValue() == 0
                || filter.getVariantValue() == run.getKey().getVariant());
  }
}
