package io.fullrank.metrics.store;

import com.google.protobuf.Timestamp;
import io.fullrank.metrics.v1.HeldExperiment;
import io.fullrank.metrics.v1.RunFilter;
import io.fullrank.metrics.v1.StoredRun;
import io.fullrank.metrics.v1.Submission;
import io.fullrank.proto.v1.Progress;
import io.fullrank.proto.v1.Run;
import io.fullrank.proto.v1.RunCount;
import io.fullrank.proto.v1.RunState;
import io.fullrank.proto.v1.Verdict;
import java.time.Duration;
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
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.state.KeyValueIterator;

/**
 * The runs of one partition: the state stores, and in memory an index of the known runs by
 * submission, made anew from the stores whenever the partition comes to this instance. One thread
 * applies records, any thread may read and sees whole records only.
 */
public final class RunShard {

  /** The shard was closed: its partition is elsewhere now. */
  public static final class ClosedException extends RuntimeException {
    private static final long serialVersionUID = 1L;
  }

  /**
   * What changed by a record.
   *
   * @param run the run
   * @param experiment its experiment, that it had before if it is no longer known
   */
  record Change(String run, String experiment) {}

  /**
   * Steps of a run.
   *
   * @param from the first, unsigned
   * @param to the last, unsigned
   */
  public record StepRange(long from, long to) {}

  /**
   * What a run reported, or was found of it, by step.
   *
   * @param run the run as it is stored
   * @param values the messages
   */
  public record Steps<T>(StoredRun run, List<T> values) {}

  /** How long the name of a deleted run is kept, so that records that come late are not taken. */
  private static final Duration DELETED_KEPT = Duration.ofDays(7);

  /** How long records wait for their run's request. */
  private static final Duration ORPHANS_KEPT = Duration.ofDays(1);

  /** Of so many steps all are held in memory to pick some; more are read twice. */
  private static final int READ_ONCE = 4096;

  private record Entry(RunState state, String dataSet, Optional<Timestamp> endedAt) {

    static Entry of(StoredRun run) {
      RunState state = RunHistory.state(run);
      return new Entry(
          state,
          run.getRequest().getSpec().getDataSet().getName(),
          RunHistory.hasEnded(state)
              ? Optional.of(run.hasEndedAt() ? run.getEndedAt() : run.getRequest().getSubmittedAt())
              : Optional.empty());
    }
  }

  private final RunStores stores;
  private final ReadWriteLock lock = new ReentrantReadWriteLock();
  private final NavigableMap<Submission, Entry> index = new TreeMap<>(SubmissionOrder.COMPARATOR);
  private final Map<String, Submission> submissions = new HashMap<>();
  private boolean closed;

  /** Opens the runs that lie in some stores. */
  public RunShard(RunStores stores) {
    this.stores = stores;
    try (KeyValueIterator<String, byte[]> all = stores.runs().all()) {
      while (all.hasNext()) {
        KeyValue<String, byte[]> run = all.next();
        enter(run.key, RunStores.parse(StoredRun.parser(), run.value));
      }
    }
  }

  /** Applies a record; returns what changed for those who see known runs. */
  Optional<Change> apply(RunRecord record, Instant now) {
    lock.writeLock().lock();
    try {
      Submission before = submissions.get(record.run());
      RunHistory history = new RunHistory(stores, record.run(), now);
      boolean changed = record.foldInto(history);
      history.save();
      enter(record.run(), history.stored());
      Submission after = submissions.getOrDefault(record.run(), before);
      return changed && after != null
          ? Optional.of(new Change(record.run(), after.getExperiment()))
          : Optional.empty();
    } finally {
      lock.writeLock().unlock();
    }
  }

  /** Forgets what is of no use any more: names of runs deleted long ago, records without a run. */
  public void clean(Instant now) {
    lock.writeLock().lock();
    try (KeyValueIterator<String, byte[]> all = stores.runs().all()) {
      while (all.hasNext()) {
        KeyValue<String, byte[]> entry = all.next();
        StoredRun run = RunStores.parse(StoredRun.parser(), entry.value);
        if ((run.hasDeletedAt() && isOlder(run.getDeletedAt(), DELETED_KEPT, now))
            || (run.hasOrphanSince() && isOlder(run.getOrphanSince(), ORPHANS_KEPT, now))) {
          new RunHistory(stores, entry.key, now).forget();
        }
      }
    } finally {
      lock.writeLock().unlock();
    }
  }

  /** Ends reading, which waits for those who read now. */
  void close() {
    lock.writeLock().lock();
    try {
      closed = true;
    } finally {
      lock.writeLock().unlock();
    }
  }

  /**
   * Returns a run, or empty if none of this name was submitted.
   *
   * @throws ClosedException as all that reads
   */
  public Optional<Run> run(String name) {
    return read(() -> known(name).map(RunHistory::view));
  }

  /**
   * Returns the places of runs in the order of their submission.
   *
   * @param filter which ones
   * @param after the place after which to begin, or empty for the first
   * @param limit how many at most
   */
  List<Submission> places(RunFilter filter, Optional<Submission> after, int limit) {
    return read(
        () ->
            after.map(place -> index.tailMap(place, false)).orElse(index).entrySet().stream()
                .filter(matching(filter))
                .limit(limit)
                .map(Map.Entry::getKey)
                .toList());
  }

  /** Returns the experiments, as far as their runs are here, in no order. */
  List<HeldExperiment> experiments() {
    return read(
        () -> {
          Map<String, Map<RunState, Integer>> counts = new HashMap<>();
          Map<String, HeldExperiment.Builder> experiments = new LinkedHashMap<>();
          index.forEach(
              (submission, entry) -> {
                HeldExperiment.Builder experiment =
                    experiments.computeIfAbsent(
                        submission.getExperiment(),
                        unused -> HeldExperiment.newBuilder().setFirst(submission));
                counts
                    .computeIfAbsent(
                        submission.getExperiment(), unused -> new EnumMap<>(RunState.class))
                    .merge(entry.state(), 1, Integer::sum);
                entry
                    .endedAt()
                    .filter(
                        end ->
                            !experiment.hasLastEnd()
                                || SubmissionOrder.BY_TIME.compare(experiment.getLastEnd(), end)
                                    < 0)
                    .ifPresent(experiment::setLastEnd);
              });
          experiments.forEach(
              (name, experiment) ->
                  counts
                      .get(name)
                      .forEach(
                          (state, runs) ->
                              experiment.addRuns(
                                  RunCount.newBuilder().setState(state).setRuns(runs))));
          return experiments.values().stream().map(HeldExperiment.Builder::build).toList();
        });
  }

  /**
   * Returns progress of a run by step, or empty if no run of this name was submitted.
   *
   * @param limit how many at most
   */
  public Optional<Steps<Progress>> progress(String run, StepRange steps, int limit) {
    return read(
        () ->
            known(run)
                .map(stored -> new Steps<>(stored, stores.progress().list(run, steps, limit))));
  }

  /**
   * Returns verdicts of a run by step, or empty if no run of this name was submitted.
   *
   * @param after the place after which to begin, or empty for the first in the range
   * @param limit how many at most
   */
  public Optional<Steps<Verdict>> verdicts(
      String run, StepRange steps, Optional<CheckLedger.Key> after, int limit) {
    StepKeys keys = CheckLedger.verdictKeys(run);
    // The first key above one is the same with a zero behind it.
    Bytes from =
        after
            .map(key -> keys.at(key.step(), key.check() + "\0"))
            .orElseGet(() -> keys.from(steps.from()));
    Bytes to = keys.upTo(steps.to());
    return read(
        () ->
            known(run)
                .map(
                    stored -> {
                      List<Verdict> values = new ArrayList<>();
                      // An empty range may come from a place behind its end.
                      if (from.compareTo(to) <= 0) {
                        try (KeyValueIterator<Bytes, byte[]> range =
                            stores.checks().range(from, to)) {
                          while (range.hasNext() && values.size() < limit) {
                            values.add(RunStores.parse(Verdict.parser(), range.next().value));
                          }
                        }
                      }
                      return new Steps<>(stored, values);
                    }));
  }

  /**
   * Returns progress of a run, evenly spread over that in a range, the first and the last included
   * if there is room for both.
   *
   * @param points how many at most, at least 1
   */
  public Optional<Steps<Progress>> spreadProgress(String run, StepRange steps, int points) {
    return read(
        () ->
            known(run)
                .map(stored -> new Steps<>(stored, stores.progress().spread(run, steps, points))));
  }

  /**
   * Returns verdicts of a run, evenly spread over those in a range, that on the witness included if
   * it is in the range, and the first and the last if there is room for all.
   *
   * @param points how many at most, at least 1
   */
  public Optional<Steps<Verdict>> spreadVerdicts(String run, StepRange steps, int points) {
    StepKeys keys = CheckLedger.verdictKeys(run);
    Optional<Bytes> witness =
        read(
            () ->
                known(run)
                    .filter(StoredRun::hasWitnessVerdict)
                    .map(StoredRun::getWitnessVerdict)
                    .map(verdict -> keys.at(verdict.getStep(), verdict.getCheck())));
    return spreadVerdicts(run, keys.from(steps.from()), keys.upTo(steps.to()), points, witness);
  }

  private Optional<Steps<Verdict>> spreadVerdicts(
      String run, Bytes from, Bytes to, int points, Optional<Bytes> wanted) {
    return read(
        () ->
            known(run)
                .map(
                    stored -> {
                      List<byte[]> read = new ArrayList<>();
                      int count = 0;
                      int wantedAt = -1;
                      try (KeyValueIterator<Bytes, byte[]> range =
                          stores.checks().range(from, to)) {
                        for (; range.hasNext(); count++) {
                          KeyValue<Bytes, byte[]> entry = range.next();
                          if (wanted.isPresent() && entry.key.equals(wanted.get())) {
                            wantedAt = count;
                          }
                          if (count < READ_ONCE) {
                            read.add(entry.value);
                          }
                        }
                      }
                      int[] picks = Spread.of(count, points, wantedAt);
                      List<Verdict> values = new ArrayList<>();
                      if (count <= READ_ONCE) {
                        for (int pick : picks) {
                          values.add(RunStores.parse(Verdict.parser(), read.get(pick)));
                        }
                        return new Steps<>(stored, values);
                      }
                      try (KeyValueIterator<Bytes, byte[]> range =
                          stores.checks().range(from, to)) {
                        for (int at = 0; values.size() < picks.length; at++) {
                          byte[] value = range.next().value;
                          if (at == picks[values.size()]) {
                            values.add(RunStores.parse(Verdict.parser(), value));
                          }
                        }
                      }
                      return new Steps<>(stored, values);
                    }));
  }

  private Optional<StoredRun> known(String name) {
    return submissions.containsKey(name) ? Optional.of(stores.run(name)) : Optional.empty();
  }

  private void enter(String name, StoredRun run) {
    if (!RunHistory.isKnown(run)) {
      Submission gone = submissions.remove(name);
      if (gone != null) {
        index.remove(gone);
      }
      return;
    }
    Submission submission = SubmissionOrder.of(run.getRequest());
    Submission before = submissions.put(name, submission);
    if (before != null && !before.equals(submission)) {
      index.remove(before);
    }
    index.put(submission, Entry.of(run));
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

  private static boolean isOlder(Timestamp at, Duration age, Instant now) {
    return Instant.ofEpochSecond(at.getSeconds(), at.getNanos()).plus(age).isBefore(now);
  }

  private <T> T read(Supplier<T> reading) {
    lock.readLock().lock();
    try {
      if (closed) {
        throw new ClosedException();
      }
      return reading.get();
    } finally {
      lock.readLock().unlock();
    }
  }
}
