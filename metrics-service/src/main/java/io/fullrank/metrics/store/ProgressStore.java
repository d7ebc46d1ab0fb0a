package io.fullrank.metrics.store;

import io.fullrank.metrics.store.RunShard.StepRange;
import io.fullrank.proto.v1.Progress;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;

/**
 * What runs reported, by step, in a state store.
 *
 * <p>Charts ask for some of many steps, evenly spread. To know which ones these are, the steps of
 * the runs that were asked for are kept in memory, eight bytes each: going through all that is
 * stored costs more than all else that a call does. Writing needs to be alone, reading may go on
 * side by side.
 */
public final class ProgressStore {

  /**
   * So many steps are remembered at most; then all are forgotten, and read again when asked for.
   */
  private static final long STEPS_REMEMBERED = 1 << 19;

  /** The steps of a run, in unsigned order: the first {@code count} of an array. */
  private static final class Steps {
    private long[] steps = new long[16];
    private int count;

    void append(long step) {
      if (count == steps.length) {
        steps = Arrays.copyOf(steps, 2 * count);
      }
      steps[count++] = step;
    }

    boolean endsWith(long step) {
      return count > 0 && steps[count - 1] == step;
    }

    /** Returns how many are below one. */
    int below(long step) {
      int low = 0;
      int high = count;
      while (low < high) {
        int middle = (low + high) >>> 1;
        if (Long.compareUnsigned(steps[middle], step) < 0) {
          low = middle + 1;
        } else {
          high = middle;
        }
      }
      return low;
    }

    /** Returns how many are not above one. */
    int upTo(long step) {
      int below = below(step);
      return below < count && steps[below] == step ? below + 1 : below;
    }
  }

  private final KeyValueStore<Bytes, byte[]> store;
  // Guarded by this, as is how many steps there are in all.
  private final Map<String, Steps> remembered = new HashMap<>();
  private long stepsRemembered;

  public ProgressStore(KeyValueStore<Bytes, byte[]> store) {
    this.store = store;
  }

  /** Adds what a run reported, of a step that is not below any that is there. */
  void put(String run, Progress newest) {
    store.put(keys(run).from(newest.getStep()), newest.toByteArray());
    append(run, newest.getStep());
  }

  /** Removes all of a run. */
  void delete(String run) {
    forget(run);
    RunStores.delete(store, keys(run).first(), keys(run).last());
  }

  /** Removes what a run reported of later steps than one. */
  void deleteAfter(String run, long step) {
    forget(run);
    if (step != -1) {
      RunStores.delete(store, keys(run).from(step + 1), keys(run).last());
    }
  }

  /** Returns what a run reported of its last step. */
  Optional<Progress> newest(String run) {
    try (KeyValueIterator<Bytes, byte[]> newestFirst =
        store.reverseRange(keys(run).first(), keys(run).last())) {
      return newestFirst.hasNext()
          ? Optional.of(RunStores.parse(Progress.parser(), newestFirst.next().value))
          : Optional.empty();
    }
  }

  /**
   * Returns what a run reported in a range.
   *
   * @param limit how many at most, the first ones
   */
  List<Progress> list(String run, StepRange range, int limit) {
    List<Progress> values = new ArrayList<>();
    // An empty range may come from a place behind its end.
    if (Long.compareUnsigned(range.from(), range.to()) > 0) {
      return values;
    }
    try (KeyValueIterator<Bytes, byte[]> stored =
        store.range(keys(run).from(range.from()), keys(run).upTo(range.to()))) {
      while (stored.hasNext() && values.size() < limit) {
        values.add(RunStores.parse(Progress.parser(), stored.next().value));
      }
    }
    return values;
  }

  /**
   * Returns what a run reported, evenly spread over that in a range.
   *
   * @param points how many at most, at least 1
   */
  List<Progress> spread(String run, StepRange range, int points) {
    StepKeys keys = keys(run);
    Steps steps = remembered(run).orElseGet(() -> read(run));
    int first = steps.below(range.from());
    int[] picks = Spread.of(Math.max(0, steps.upTo(range.to()) - first), points, -1);
    return Arrays.stream(picks)
        .mapToObj(pick -> store.get(keys.from(steps.steps[first + pick])))
        .map(value -> RunStores.parse(Progress.parser(), value))
        .toList();
  }

  private Steps read(String run) {
    StepKeys keys = keys(run);
    Steps steps = new Steps();
    try (KeyValueIterator<Bytes, byte[]> stored = store.range(keys.first(), keys.last())) {
      while (stored.hasNext()) {
        steps.append(keys.step(stored.next().key));
      }
    }
    remember(run, steps);
    return steps;
  }

  private synchronized Optional<Steps> remembered(String run) {
    return Optional.ofNullable(remembered.get(run));
  }

  private synchronized void remember(String run, Steps steps) {
    makeRoom(steps.count);
    // Another thread may have been faster.
    if (remembered.putIfAbsent(run, steps) == null) {
      stepsRemembered += steps.count;
    }
  }

  private synchronized void append(String run, long step) {
    Steps steps = remembered.get(run);
    if (steps != null && !steps.endsWith(step)) {
      steps.append(step);
      stepsRemembered++;
      makeRoom(0);
    }
  }

  private synchronized void forget(String run) {
    Steps steps = remembered.remove(run);
    stepsRemembered -= steps == null ? 0 : steps.count;
  }

  private void makeRoom(int more) {
    if (stepsRemembered + more > STEPS_REMEMBERED) {
      remembered.clear();
      stepsRemembered = 0;
    }
  }

  private static StepKeys keys(String run) {
    return new StepKeys(run, 0);
  }
}
