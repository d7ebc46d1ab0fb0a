package io.fullrank.metrics.store;

import io.fullrank.metrics.selection.Portion;
import io.fullrank.metrics.v1.HeldExperiment;
import io.fullrank.metrics.v1.RunFilter;
import io.fullrank.metrics.v1.Submission;
import io.fullrank.proto.v1.ListAttentionResponse;
import io.fullrank.proto.v1.Run;
import io.fullrank.proto.v1.RunState;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.function.BiFunction;
import java.util.function.Consumer;
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

  /** Returns the figures of all runs held here together. */
  public RunTotals totals() {
    return held((number, partition) -> List.of(partition.totals())).values().stream()
        .reduce(RunTotals.NONE, RunTotals::plus);
  }

  /**
   * Shows the first of the running runs held here, in the order of their submission, one after the
   * other: none is held when the next one is read.
   *
   * @param limit how many at most
   */
  public void showRunning(int limit, Consumer<Run> viewer) {
    located(partition -> partition.running(limit)).values().stream()
        .limit(limit)
        .flatMap(each -> runs(List.of(each.place().getRun())).values().stream())
        // It may have ended since.
        .filter(run -> run.getState() == RunState.RUN_STATE_RUNNING)
        .forEach(viewer);
  }

  /** A run that is held here: its place, and the partition that it is in. */
  private record Located(Submission place, int number, RunPartition partition) {}

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

  /**
   * Returns those of the named runs that are held here, in the order of their submission: the first
   * of them, as many as a {@link Portion} takes.
   */
  public Held<Run> runs(Collection<String> names) {
    return read(located(partition -> partition.places(names)), Integer.MAX_VALUE);
  }

  /**
   * Returns runs in the order of their submission, as many as a {@link Portion} takes.
   *
   * @param after the place after which to begin, or empty for the first
   * @param limit how many at most
   */
  public Held<Run> runs(RunFilter filter, Optional<Submission> after, int limit) {
    return read(located(partition -> partition.places(filter, after, limit)), limit);
  }

  /** Returns the experiments of each partition, in no order. */
  public Held<HeldExperiment> experiments() {
    return held((number, partition) -> partition.experiments());
  }

  /**
   * Returns what a person should look at in each partition, the latest first.
   *
   * @param limit how many at most
   */
  public Held<ListAttentionResponse> attention(int limit) {
    return held((number, partition) -> List.of(partition.attention(limit)));
  }

  /** Returns where runs are, in the order of their submission. */
  private Held<Located> located(Function<RunPartition, List<Submission>> question) {
    Held<Located> found =
        held(
            (number, partition) ->
                question.apply(partition).stream()
                    .map(place -> new Located(place, number, partition))
                    .toList());
    return new Held<>(
        found.partitions(),
        found.values().stream()
            .sorted(Comparator.comparing(Located::place, SubmissionOrder.COMPARATOR))
            .toList());
  }

  private Held<Run> read(Held<Located> places, int limit) {
    Set<Integer> numbers = new TreeSet<>(places.partitions());
    Portion<Run> portion = new Portion<>(limit);
    for (Located each : places.values()) {
      if (portion.isFull()) {
        break;
      }
      try {
        each.partition().run(each.place().getRun()).ifPresent(portion::add);
      } catch (RunPartition.ClosedException gone) {
        numbers.remove(each.number());
      }
    }
    return new Held<>(numbers, portion.values());
  }

  private <T> Held<T> held(BiFunction<Integer, RunPartition, List<T>> question) {
    Set<Integer> numbers = new TreeSet<>();
    List<T> values = new ArrayList<>();
    byNumber.forEach(
        (number, partition) -> {
          try {
            values.addAll(question.apply(number, partition));
            numbers.add(number);
          } catch (RunPartition.ClosedException gone) {
            // Then the partition is not among those held.
            assert !numbers.contains(number);
          }
        });
    return new Held<>(numbers, values);
  }
}
