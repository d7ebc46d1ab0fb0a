package io.fullrank.metrics.store;

import io.fullrank.metrics.v1.HeldExperiment;
import io.fullrank.metrics.v1.RunFilter;
import io.fullrank.metrics.v1.Submission;
import io.fullrank.proto.v1.Run;
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
 * The partitions that Kafka gave this instance, with their runs. The other partitions are with
 * other instances.
 */
public final class HeldPartitions {

  private final Map<Integer, RunPartition> byNumber = new ConcurrentSkipListMap<>();
  private final RunChanges changes;

  /**
   * Creates the holder of no partition.
   *
   * @param changes is told of changes of the runs held here
   */
  public HeldPartitions(RunChanges changes) {
    this.changes = changes;
  }

  /** Takes a partition in. */
  public void open(int number, RunPartition partition) {
    byNumber.put(number, partition);
    changes.anyHeldChanged();
  }

  /** Gives a partition away. */
  public void close(int number, RunPartition partition) {
    byNumber.remove(number, partition);
    partition.close();
    changes.anyHeldChanged();
  }

  /** Applies a record to a partition, and tells of the change if that changed the record's run. */
  public void apply(int number, RunRecord record) {
    byNumber.get(number).apply(record).ifPresent(this::tell);
  }

  /** Tells of the runs of a partition that have become stalled since this was called last. */
  public void tellStalled(int number) {
    byNumber.get(number).newlyStalled().forEach(this::tell);
  }

  private void tell(RunPartition.Change change) {
    changes.heldChanged(change.run(), change.experiment());
  }

  /** Returns a partition, or empty if it is not held here. */
  public Optional<RunPartition> partition(int number) {
    return Optional.ofNullable(byNumber.get(number));
  }

  /** Returns the numbers of the partitions held here. */
  public Set<Integer> numbers() {
    return Set.copyOf(byNumber.keySet());
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
   * Part of an answer: what the partitions of one instance hold of what was asked for.
   *
   * @param partitions the numbers of the partitions
   * @param values what they hold
   */
  public record Held<T>(Set<Integer> partitions, List<T> values) {}

  /** Returns those of the named runs that are held here, in no order. */
  public Held<Run> runs(Collection<String> names) {
    return held(partition -> names.stream().map(partition::run).flatMap(Optional::stream).toList());
  }

  /**
   * Returns runs in the order of their submission.
   *
   * @param after the place after which to begin, or empty for the first
   * @param limit how many at most
   */
  public Held<Run> runs(RunFilter filter, Optional<Submission> after, int limit) {
    Held<Submission> places = held(partition -> partition.places(filter, after, limit));
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
    return held(RunPartition::experiments);
  }

  /** Returns runs in the order of their submission, each once. */
  public static List<Run> inOrder(Collection<Run> runs, int limit) {
    TreeMap<Submission, Run> ordered = new TreeMap<>(SubmissionOrder.COMPARATOR);
    runs.forEach(run -> ordered.put(SubmissionOrder.of(run.getRequest()), run));
    return ordered.values().stream().limit(limit).toList();
  }

  private <T> Held<T> held(Function<RunPartition, List<T>> question) {
    Set<Integer> numbers = new TreeSet<>();
    List<T> values = new ArrayList<>();
    byNumber.forEach(
        (number, partition) -> {
          try {
            values.addAll(question.apply(partition));
            numbers.add(number);
          } catch (RunPartition.ClosedException gone) {
            // Then the partition is not among those held.
            assert !numbers.contains(number);
          }
        });
    return new Held<>(numbers, values);
  }
}
