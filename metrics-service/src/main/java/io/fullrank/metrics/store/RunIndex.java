package io.fullrank.metrics.store;

import com.google.protobuf.Timestamp;
import io.fullrank.metrics.v1.HeldExperiment;
import io.fullrank.metrics.v1.RunFilter;
import io.fullrank.metrics.v1.StoredRun;
import io.fullrank.metrics.v1.Submission;
import io.fullrank.proto.v1.Attention;
import io.fullrank.proto.v1.Guarantee;
import io.fullrank.proto.v1.ListAttentionResponse;
import io.fullrank.proto.v1.RunState;
import java.time.Instant;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.NavigableSet;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.stream.Stream;

/**
 * The known runs of one partition in the order of their submission, in memory, with all that lists
 * of runs and of experiments select and count by. Not safe for use by several threads.
 */
final class RunIndex {

  /**
   * What is known of a run besides its place.
   *
   * @param endedAt when the run ended; empty if it has not
   * @param unaccounted how many of its snapshots are not accounted for; 0 if it has not ended
   * @param held whether it kept the bound on its loss; empty if there is none or it has not ended
   * @param figures what is summed over the runs of an experiment
   * @param silenceLimit when it is stalled if nothing comes before; empty if it cannot be
   * @param concerns what a person should look at, but that it is stalled
   */
  private record Entry(
      RunState state,
      String dataSet,
      Optional<Timestamp> endedAt,
      long unaccounted,
      Optional<Boolean> held,
      RunFigures figures,
      Optional<Instant> silenceLimit,
      List<Attention> concerns) {

    static Entry of(StoredRun run) {
      RunState state = RunHistory.state(run);
      boolean ended = RunHistory.hasEnded(state);
      return new Entry(
          state,
          run.getRequest().getSpec().getDataSet().getName(),
          ended ? Optional.of(end(run)) : Optional.empty(),
          ended ? RunHistory.unaccounted(RunHistory.snapshots(run)) : 0,
          ended
              ? RunHistory.guarantee(run).filter(Guarantee::hasHeld).map(Guarantee::getHeld)
              : Optional.empty(),
          RunFigures.of(run),
          Silence.limit(run),
          Concerns.of(run));
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
  private final NavigableSet<Submission> running = new TreeSet<>(SubmissionOrder.COMPARATOR);
  private final Set<Submission> concerning = new HashSet<>();
  // The totals, kept as runs change: whoever asks for them must not have to look at all runs.
  private final Map<RunState, Long> byState = new EnumMap<>(RunState.class);
  private long unaccounted;
  private long held;
  private long violated;
  // When runs are stalled if nothing comes, by name, without those of which that was told.
  private final Map<String, Instant> silenceLimits = new HashMap<>();

  /** Enters a run as it is stored now, or removes it if it is not known any more. */
  void update(String name, StoredRun run) {
    Silence.limit(run)
        .ifPresentOrElse(limit -> silenceLimits.put(name, limit), () -> silenceLimits.remove(name));
    if (!RunHistory.isKnown(run)) {
      Submission gone = places.remove(name);
      if (gone != null) {
        remove(gone);
      }
      return;
    }
    Submission place = SubmissionOrder.of(run.getRequest());
    Submission before = places.put(name, place);
    if (before != null) {
      remove(before);
    }
    Entry entry = Entry.of(run);
    entries.put(place, entry);
    count(entry, 1);
    if (entry.state() == RunState.RUN_STATE_RUNNING) {
      running.add(place);
    }
    if (!entry.concerns().isEmpty()) {
      concerning.add(place);
    }
  }

  private void remove(Submission place) {
    count(entries.remove(place), -1);
    running.remove(place);
    concerning.remove(place);
  }

  private void count(Entry entry, int change) {
    byState.merge(entry.state(), (long) change, (a, b) -> a + b == 0 ? null : Long.valueOf(a + b));
    unaccounted += change * entry.unaccounted();
    if (entry.held().isPresent()) {
      if (entry.held().get()) {
        held += change;
      } else {
        violated += change;
      }
    }
  }

  /** Returns the figures of all runs together. */
  RunTotals totals() {
    return new RunTotals(new EnumMap<>(byState), unaccounted, held, violated);
  }

  /**
   * Returns the places of the first running runs.
   *
   * @param limit how many at most
   */
  List<Submission> running(int limit) {
    return running.stream().limit(limit).toList();
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
    Map<String, ExperimentFigures> experiments = new LinkedHashMap<>();
    entries.forEach(
        (place, entry) -> {
          ExperimentFigures experiment =
              experiments.computeIfAbsent(
                  place.getExperiment(), unused -> new ExperimentFigures(place));
          experiment.add(place, entry.state(), entry.endedAt(), entry.figures());
        });
    return experiments.values().stream().map(ExperimentFigures::held).toList();
  }

  /**
   * Returns what a person should look at, the latest first, and how much of it there is.
   *
   * @param limit how many at most
   */
  ListAttentionResponse attention(int limit, Instant now) {
    Stream<Attention> stalled =
        running.stream()
            .filter(
                place ->
                    entries.get(place).silenceLimit().filter(at -> !at.isAfter(now)).isPresent())
            .map(place -> Concerns.stalled(place, entries.get(place).figures().heardAt()));
    List<Attention> all =
        Stream.concat(
                stalled,
                concerning.stream().flatMap(place -> entries.get(place).concerns().stream()))
            .toList();
    return Concerns.latest(all, all.size(), limit);
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
