package io.fullrank.metrics;

import io.fullrank.proto.v1.Verdict;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * What became of the snapshots of one attempt: verdicts, one for each step and check, and steps
 * left out. The first verdict for a step and check stays. Not safe for use by several threads.
 */
final class CheckLedger {

  /**
   * The place of a verdict among those of its attempt.
   *
   * @param step the snapshot's step, unsigned
   * @param check what was checked
   */
  record Key(long step, String check) implements Comparable<Key> {

    private static final Comparator<Key> BY_STEP =
        Comparator.<Key, Long>comparing(Key::step, Long::compareUnsigned).thenComparing(Key::check);

    /** Returns the place of a verdict. */
    static Key of(Verdict verdict) {
      return new Key(verdict.getStep(), verdict.getCheck());
    }

    @Override
    public int compareTo(Key other) {
      return BY_STEP.compare(this, other);
    }
  }

  private final TreeMap<Key, Verdict> verdicts = new TreeMap<>();
  // Steps that were left out and have no verdict.
  private final TreeSet<Long> skipped = new TreeSet<>(Long::compareUnsigned);
  private long checkedSteps;
  private Verdict witness;

  /** Enters a verdict; returns whether it is new. */
  boolean checked(Verdict verdict) {
    Key key = Key.of(verdict);
    if (verdicts.containsKey(key)) {
      return false;
    }
    if (!hasVerdict(key.step())) {
      checkedSteps++;
    }
    verdicts.put(key, verdict);
    skipped.remove(key.step());
    if (verdict.getWitness() && (witness == null || Key.of(witness).compareTo(key) < 0)) {
      witness = verdict;
    }
    return true;
  }

  /**
   * Enters a step that was left out; returns whether that is new, and no verdict on it is there.
   */
  boolean skipped(long step) {
    return !hasVerdict(step) && skipped.add(step);
  }

  /** Returns how many steps have a verdict. */
  long checkedSteps() {
    return checkedSteps;
  }

  /** Returns how many steps were left out and have no verdict. */
  long skippedSteps() {
    return skipped.size();
  }

  /** Returns the verdict on the highest step. */
  Optional<Verdict> latest() {
    return verdicts.isEmpty() ? Optional.empty() : Optional.of(verdicts.lastEntry().getValue());
  }

  /** Returns the verdict on the witness, on the highest step if there are several. */
  Optional<Verdict> witness() {
    return Optional.ofNullable(witness);
  }

  /**
   * Returns verdicts by step.
   *
   * @param after the place after which to begin, or empty for the first verdict
   * @param limit how many at most
   */
  List<Verdict> verdicts(Optional<Key> after, int limit) {
    return after.map(key -> verdicts.tailMap(key, false)).orElse(verdicts).values().stream()
        .limit(limit)
        .toList();
  }

  private boolean hasVerdict(long step) {
    // No check sorts before the empty string.
    Key next = verdicts.ceilingKey(new Key(step, ""));
    return next != null && next.step() == step;
  }
}
