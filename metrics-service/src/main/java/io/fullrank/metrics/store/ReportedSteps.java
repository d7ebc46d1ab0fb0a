package io.fullrank.metrics.store;

import java.util.Arrays;

/**
 * The steps of which a run reported progress, in unsigned order. Values share one array, of which
 * each shows the first {@code count} elements, so that to append a step seldom copies. Only one
 * value that shows the same elements may be appended to.
 */
final class ReportedSteps {

  private final long[] steps;
  private final int count;

  private ReportedSteps(long[] steps, int count) {
    this.steps = steps;
    this.count = count;
  }

  /** Returns no steps. */
  static ReportedSteps none() {
    return new ReportedSteps(new long[16], 0);
  }

  /** Returns these steps and one that is not below any of them, which may be there already. */
  ReportedSteps with(long step) {
    if (count > 0 && steps[count - 1] == step) {
      return this;
    }
    long[] room = count < steps.length ? steps : Arrays.copyOf(steps, 2 * count);
    room[count] = step;
    return new ReportedSteps(room, count + 1);
  }

  /** Returns how many steps there are. */
  int count() {
    return count;
  }

  /** Returns a step by its place in the order. */
  long step(int index) {
    return steps[index];
  }

  /** Returns how many steps are below one. */
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

  /** Returns how many steps are not above one. */
  int upTo(long step) {
    int below = below(step);
    return below < count && steps[below] == step ? below + 1 : below;
  }
}
