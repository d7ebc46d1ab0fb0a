package io.fullrank.metrics.store;

import io.fullrank.metrics.query.RunQueries;
import io.fullrank.metrics.v1.HeldExperiment;
import io.fullrank.metrics.v1.RunFilter;
import io.fullrank.metrics.v1.Submission;
import io.fullrank.proto.v1.Run;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.function.Function;

/**
 * The runs that this instance holds: those of the partitions that Kafka gave it. The others are
 * with other instances, see {@link RunQueries}.
 */
public final class RunStore {

  private final Map<Integer, RunShard> shards = new ConcurrentSkipListMap<>();
  private final RunChanges changes;

  /**
   * Creates a store that holds no partition.
   *
   * @param changes who is told of changes
   */
  public RunStore(RunChanges changes) {
    this.changes = changes;
  }

  /** Takes a partition in. */
  public void open(int partition, RunShard shard) {
    shards.put(partition, shard);
    changes.anyHeldChanged();
  }

  /** Gives a partition away. */
  public void close(int partition, RunShard shard) {
    shards.remove(partition, shard);
    shard.close();
    changes.anyHeldChanged();
  }

  /** Applies a record to a partition, then tells those who watch its run if that changed it. */
  public void apply(int partition, RunRecord record, Instant now) {
    shards
        .get(partition)
        .apply(record, now)
        .ifPresent(change -> changes.heldChanged(change.run(), change.experiment()));
  }

  /** Returns a partition that is held here. */
  public Optional<RunShard> shard(int partition) {
    return Optional.ofNullable(shards.get(partition));
  }

  /** Returns the partitions held here. */
  public Set<Integer> partitions() {
    return Set.copyOf(shards.keySet());
  }

  /** Returns all runs held here in the order of their submission. */
  public List<Run> runs() {
    return runs(RunFilter.getDefaultInstance(), Optional.empty(), Integer.MAX_VALUE).values();
  }

  /** Returns how many clients watch through this instance. */
  public int watcherCount() {
    return changes.watcherCount();
  }

  /**
   * What is held here of something.
   *
   * @param partitions the partitions held
   * @param values what was asked for
   */
  public record Held<T>(Set<Integer> partitions, List<T> values) {}

  /** Returns those of some runs that are held here, in no order. */
  public Held<Run> runs(Collection<String> names) {
    return held(shard -> names.stream().map(shard::run).flatMap(Optional::stream).toList());
  }

  /**
   * Returns runs in the order of their submission.
   *
   * @param after the place after which to begin, or empty for the first
   * @param limit how many at most
   */
  public Held<Run> runs(RunFilter filter, Optional<Submission> after, int limit) {
    Held<Submission> places = held(shard -> shard.places(filter, after, limit));
    List<String> names =
        places.values().stream()
            .sorted(SubmissionOrder.COMPARATOR)
            .limit(limit)
            .map(Submission::getRun)
            .toList();
    Held<Run> runs = runs(names);
    Set<Integer> partitions = new TreeSet<>(places.partitions());
    partitions.retainAll(runs.partitions());
    return new Held<>(partitions, inOrder(runs.values(), limit));
  }

  /** Returns the experiments of each partition, in no order. */
  public Held<HeldExperiment> experiments() {
    return held(RunShard::experiments);
  }

  /** Returns runs in the order of their submission, each once. */
  public static List<Run> inOrder(Collection<Run> runs, int limit) {
    TreeMap<Submission, Run> ordered = new TreeMap<>(SubmissionOrder.COMPARATOR);
    runs.forEach(run -> ordered.put(SubmissionOrder.of(run.getRequest()), run));
    return ordered.values().stream().limit(limit).toList();
  }

  private <T> Held<T> held(Function<RunShard, List<T>> question) {
    Set<Integer> partitions = new TreeSet<>();
    List<T> values = new ArrayList<>();
    shards.forEach(
        (partition, shard) -> {
          try {
            values.addAll(question.apply(shard));
            partitions.add(partition);
          } catch (RunShard.ClosedException gone) {
            // Then the partition is not among those held.
            assert !partitions.contains(partition);
          }
        });
    return new Held<>(partitions, values);
  }
}
