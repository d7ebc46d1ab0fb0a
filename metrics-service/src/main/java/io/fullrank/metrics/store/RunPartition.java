package io.fullrank.metrics.store;

import com.google.protobuf.Timestamp;
import com.google.protobuf.util.Timestamps;
import io.fullrank.metrics.selection.StepRange;
import io.fullrank.metrics.v1.HeldExperiment;
import io.fullrank.metrics.v1.RunFilter;
import io.fullrank.metrics.v1.StoredRun;
import io.fullrank.metrics.v1.Submission;
import io.fullrank.proto.v1.ListAttentionResponse;
import io.fullrank.proto.v1.Progress;
import io.fullrank.proto.v1.Run;
import io.fullrank.proto.v1.Verdict;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.Function;
import java.util.function.Supplier;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.state.KeyValueIterator;

/**
 * The runs of one partition: its state stores, and an index of the known runs in memory, which is
 * made anew from the stores whenever the partition comes to this instance. One thread applies
 * records; any thread may read, and sees the effect of whole records only.
 */
public final class RunPartition {

  /** The partition was closed: another instance holds it now. */
  public static final class ClosedException extends RuntimeException {
    private static final long serialVersionUID = 1L;
  }

  /**
   * The run that changed.
   *
   * @param run the run's name
   * @param experiment the run's experiment; if the run is no longer known, the one it had before
   */
  record Change(String run, String experiment) {}

  /** How long the name of a deleted run is kept, so that records that come late are not taken. */
  private static final Duration DELETED_KEPT = Duration.ofDays(7);

  /** How long records wait for their run's request. */
  private static final Duration ORPHANS_KEPT = Duration.ofDays(1);

  private final PartitionStores stores;
  private final InstantSource clock;
  private final VerdictReader verdicts;
  private final RunIndex index = new RunIndex();
  private final ReadWriteLock lock = new ReentrantReadWriteLock();
  private boolean closed;

  /**
   * Opens the runs that lie in a partition's stores.
   *
   * @param clock tells when records are folded, and how long runs have been silent
   */
  public RunPartition(PartitionStores stores, InstantSource clock) {
    this.stores = stores;
    this.clock = clock;
    verdicts = new VerdictReader(stores.checks());
    try (KeyValueIterator<String, byte[]> all = stores.runs().all()) {
      while (all.hasNext()) {
        KeyValue<String, byte[]> run = all.next();
        StoredRun stored = PartitionStores.parse(StoredRun.parser(), run.value);
        index.update(
            run.key,
            CheckLedger.isCurrent(stored)
                ? stored
                : new RunHistory(stores, run.key, clock.instant()).stored());
      }
    }
  }

  /** Applies a record; returns the known run that it changed, or empty if it changed none. */
  Optional<Change> apply(RunRecord record) {
    lock.writeLock().lock();
    try {
      Optional<Submission> before = index.place(record.run());
      RunHistory history = new RunHistory(stores, record.run(), clock.instant());
      boolean changed = record.foldInto(history);
      history.save();
      index.update(record.run(), history.stored());
      return index
          .place(record.run())
          .or(() -> before)
          .filter(place -> changed)
          .map(place -> new Change(record.run(), place.getExperiment()));
    } finally {
      lock.writeLock().unlock();
    }
  }

  /**
   * Removes what is of no use any more: the names of runs that were deleted long ago, and records
   * whose run has never been submitted.
   */
  public void clean() {
    Instant now = clock.instant();
    lock.writeLock().lock();
    try (KeyValueIterator<String, byte[]> all = stores.runs().all()) {
      while (all.hasNext()) {
        KeyValue<String, byte[]> entry = all.next();
        StoredRun run = PartitionStores.parse(StoredRun.parser(), entry.value);
        if ((run.hasDeletedAt() && isOlder(run.getDeletedAt(), DELETED_KEPT, now))
            || (run.hasOrphanSince() && isOlder(run.getOrphanSince(), ORPHANS_KEPT, now))) {
          new RunHistory(stores, entry.key, now).forget();
        }
      }
    } finally {
      lock.writeLock().unlock();
    }
  }

  /** Returns the runs that have become stalled since this was asked last: no record tells it. */
  List<Change> newlyStalled() {
    lock.writeLock().lock();
    try {
      return index.newlyStalled(clock.instant()).stream()
          .map(place -> new Change(place.getRun(), place.getExperiment()))
          .toList();
    } finally {
      lock.writeLock().unlock();
    }
  }

  /** Refuses further reading, and returns once all reading that has begun is done. */
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
   * @throws ClosedException if the partition was closed, as every method that reads
   */
  public Optional<Run> run(String name) {
    return read(() -> known(name).map(stored -> RunHistory.view(stored, clock.instant())));
  }

  /**
   * Returns the places of runs in the order of their submission.
   *
   * @param filter which runs
   * @param after the place after which to begin, or empty for the first
   * @param limit how many at most
   */
  List<Submission> places(RunFilter filter, Optional<Submission> after, int limit) {
    return read(() -> index.places(filter, after, limit));
  }

  /** Returns the places of those of the named runs that were submitted, in no order. */
  List<Submission> places(Collection<String> names) {
    return read(() -> names.stream().map(index::place).flatMap(Optional::stream).toList());
  }

  /**
   * Returns the places of the first running runs in the order of their submission.
   *
   * @param limit how many at most
   */
  List<Submission> running(int limit) {
    return read(() -> index.running(limit));
  }

  /** Returns the figures of all runs together. */
  RunTotals totals() {
    return read(index::totals);
  }

  /** Returns the experiments as far as their runs are in this partition, in no order. */
  List<HeldExperiment> experiments() {
    return read(index::experiments);
  }

  /**
   * Returns what a person should look at, the latest first, and how much of it there is.
   *
   * @param limit how many at most
   */
  ListAttentionResponse attention(int limit) {
    return read(() -> index.attention(limit, clock.instant()));
  }

  /**
   * Returns the first progress of a run in a range, as much as one answer takes, or empty if no run
   * of this name was submitted.
   *
   * @param limit how many at most
   */
  public Optional<Excerpt<Progress>> progress(String run, StepRange steps, int limit) {
    return excerpt(run, stored -> shown(stored, stores.progress().list(run, steps, limit)));
  }

  /**
   * Returns the first verdicts on a run in a range, as many as one answer takes, or empty if no run
   * of this name was submitted.
   *
   * @param check only verdicts of this check; empty means all
   * @param after the place after which to begin, or empty for the first in the range
   * @param limit how many at most
   */
  public Optional<Excerpt<Verdict>> verdicts(
      String run, StepRange steps, String check, Optional<CheckLedger.Key> after, int limit) {
    return excerpt(run, stored -> verdicts.list(run, steps, check, after, limit));
  }

  /**
   * Returns progress of a run without gradient norms, evenly spread over that in a range, the first
   * and the last included if there is room for both; or empty if no run of this name was submitted.
   *
   * @param points how many at most, at least 1
   */
  public Optional<Excerpt<Progress>> spreadProgress(String run, StepRange steps, int points) {
    return excerpt(run, stored -> shown(stored, stores.progress().spread(run, steps, points)));
  }

  /**
   * Returns verdicts on a run, evenly spread over those in a range, that on the witness included if
   * it is in the range, and the first and the last if there is room for all; or empty if no run of
   * this name was submitted.
   *
   * @param check only verdicts of this check; empty means all
   * @param points how many at most, at least 1; fewer come if so many do not fit into one answer
   */
  public Optional<Excerpt<Verdict>> spreadVerdicts(
      String run, StepRange steps, String check, int points) {
    return excerpt(
        run,
        stored ->
            verdicts.spread(
                run,
                steps,
                check,
                points,
                stored.hasWitnessVerdict()
                    ? Optional.of(CheckLedger.Key.of(stored.getWitnessVerdict()))
                    : Optional.empty()));
  }

  private <T> Optional<Excerpt<T>> excerpt(String run, Function<StoredRun, List<T>> reading) {
    return read(() -> known(run).map(stored -> new Excerpt<>(stored, reading.apply(stored))));
  }

  private static List<Progress> shown(StoredRun run, List<Progress> stored) {
    return stored.stream().map(each -> Measurements.shown(run.getRequest(), each)).toList();
  }

  private Optional<StoredRun> known(String name) {
    return index.place(name).map(place -> stores.run(name));
  }

  private static boolean isOlder(Timestamp at, Duration age, Instant now) {
    return Instant.ofEpochMilli(Timestamps.toMillis(at)).plus(age).isBefore(now);
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
