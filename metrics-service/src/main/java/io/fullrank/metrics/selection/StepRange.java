package io.fullrank.metrics.selection;

/**
 * A range of steps of a run.
 *
 * @param from the first step, unsigned
 * @param to the last step, unsigned
 */
public record StepRange(long from, long to) {

  /** Returns whether no step is in the range, since its first one is after its last. */
  public boolean isEmpty() {
    return Long.compareUnsigned(from, to) > 0;
  }
}
