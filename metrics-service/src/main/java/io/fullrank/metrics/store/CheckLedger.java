package io.fullrank.metrics.store;

import io.fullrank.metrics.selection.StepKeys;
import io.fullrank.metrics.v1.StoredRun;
import io.fullrank.metrics.v1.StoredRunOrBuilder;
import io.fullrank.proto.v1.CheckRecord;
import io.fullrank.proto.v1.Outcome;
import io.fullrank.proto.v1.SnapshotSkipped;
import io.fullrank.proto.v1.Verdict;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;

/**
 * What became of a run's snapshots, in a state store: one verdict for each step and check, the
 * steps that checkers skipped, and checks that are kept aside until their attempt begins. Of
 * several verdicts for one step and check, that of the lowest attempt stays, and within an attempt
 * the first. How many steps were checked and skipped is kept in the stored run, and so is the
 * newest verdict of each check. A step counts once, however many checks judged it.
 */
public final class CheckLedger {

  /**
   * The place of a verdict among those of its run.
   *
   * @param step the snapshot's step, unsigned
   * @param check what was checked
   */
  public record Key(long step, String check) implements Comparable<Key> {

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

  /** The check whose verdicts stand for a run: phase 2 rests on it. */
  public static final String EXPRESSIVITY = "expressivity";

  /** Counts the versions that derive something else from verdicts than those before. */
  private static final int DERIVATION = 1;

  /** Checks of which the newest verdict is kept in the run; far more than an experiment has. */
  private static final int MOST_CHECKS = 64;

  /** What they take together: the run is written again with each of its records. */
  private static final int MOST_BYTES = 256 << 10;

  private static final int VERDICT = 1;
  private static final int SKIPPED = 2;
  private static final int ASIDE = 3;

  private final KeyValueStore<Bytes, byte[]> store;
  private final StoredRun.Builder run;
  private final StepKeys verdicts;
  private final StepKeys skipped;
  private final StepKeys aside;

  /**
   * Opens the ledger of a run. What another version of this service has derived from the verdicts
   * is derived anew.
   *
   * @param run what is stored of the run (its numbers and outstanding verdicts are modified)
   */
  CheckLedger(KeyValueStore<Bytes, byte[]> store, String name, StoredRun.Builder run) {
    this.store = store;
    this.run = run;
    verdicts = verdictKeys(name);
    skipped = new StepKeys(name, SKIPPED);
    aside = new StepKeys(name, ASIDE);
    if (!isCurrent(run)) {
      truncate(-1);
      run.setDerivation(DERIVATION);
    }
  }

  /** Returns whether this version has derived what a stored run keeps of its verdicts. */
  static boolean isCurrent(StoredRunOrBuilder run) {
    return run.getDerivation() == DERIVATION;
  }

  /** Returns the keys of a run's verdicts. */
  static StepKeys verdictKeys(String run) {
    return new StepKeys(run, VERDICT);
  }

  /** Enters a verdict; returns whether that changed anything. */
  boolean checked(Verdict verdict) {
    Bytes key = verdicts.at(verdict.getStep(), verdict.getCheck());
    byte[] present = store.get(key);
    if (present != null
        && Long.compareUnsigned(
                PartitionStores.parse(Verdict.parser(), present).getAttempt(), verdict.getAttempt())
            <= 0) {
      return false;
    }
    if (present == null && !hasVerdict(verdict.getStep())) {
      run.setCheckedSteps(run.getCheckedSteps() + 1);
      if (store.delete(skipped.from(verdict.getStep())) != null) {
        run.setSkippedSteps(run.getSkippedSteps() - 1);
      }
    }
    store.put(key, verdict.toByteArray());
    show(verdict);
    return true;
  }

  /**
   * Enters a step that a checker skipped; returns whether that is new and the step has no verdict.
   */
  boolean skipped(SnapshotSkipped left) {
    Bytes key = skipped.from(left.getStep());
    if (hasVerdict(left.getStep()) || store.get(key) != null) {
      return false;
    }
    store.put(key, left.toByteArray());
    run.setSkippedSteps(run.getSkippedSteps() + 1);
    return true;
  }

  /** Keeps a check for when its attempt begins. */
  void putAside(long attempt, CheckRecord record) {
    Verdict verdict = record.getVerdict();
    Bytes key =
        record.hasVerdict()
            ? aside.at(attempt, "v %s %s".formatted(hex(verdict.getStep()), verdict.getCheck()))
            : aside.at(attempt, "s " + hex(record.getSkipped().getStep()));
    store.putIfAbsent(key, record.toByteArray());
  }

  /**
   * Removes the checks kept aside for attempts up to {@code upToAttempt}, and returns them by
   * attempt.
   */
  List<CheckRecord> takeAside(long upToAttempt) {
    List<CheckRecord> taken = new ArrayList<>();
    try (KeyValueIterator<Bytes, byte[]> range =
        store.range(aside.first(), aside.upTo(upToAttempt))) {
      while (range.hasNext()) {
        KeyValue<Bytes, byte[]> entry = range.next();
        taken.add(PartitionStores.parse(CheckRecord.parser(), entry.value));
        store.delete(entry.key);
      }
    }
    return taken;
  }

  /** Removes what is entered of steps after {@code lastStep}, and counts what is left. */
  void truncate(long lastStep) {
    if (lastStep != -1) {
      PartitionStores.delete(store, verdicts.from(lastStep + 1), verdicts.last());
      PartitionStores.delete(store, skipped.from(lastStep + 1), skipped.last());
    }
    run.clearLatestVerdict()
        .clearWitnessVerdict()
        .clearOtherVerdicts()
        .clearCheckedSteps()
        .clearSkippedSteps();
    run.clearCertifiedSteps();
    long checkedSteps = 0;
    long before = 0;
    try (KeyValueIterator<Bytes, byte[]> all = store.range(verdicts.first(), verdicts.last())) {
      while (all.hasNext()) {
        Verdict verdict = PartitionStores.parse(Verdict.parser(), all.next().value);
        if (checkedSteps == 0 || verdict.getStep() != before) {
          checkedSteps++;
        }
        before = verdict.getStep();
        show(verdict);
      }
    }
    long skippedSteps = 0;
    try (KeyValueIterator<Bytes, byte[]> all = store.range(skipped.first(), skipped.last())) {
      while (all.hasNext()) {
        all.next();
        skippedSteps++;
      }
    }
    run.setCheckedSteps(checkedSteps).setSkippedSteps(skippedSteps);
  }

  /** Removes all that is entered, except what is kept aside for attempts after {@code attempt}. */
  void clear(long attempt) {
    PartitionStores.delete(store, verdicts.first(), verdicts.last());
    PartitionStores.delete(store, skipped.first(), skipped.last());
    PartitionStores.delete(store, aside.first(), aside.upTo(attempt));
    run.clearLatestVerdict()
        .clearWitnessVerdict()
        .clearOtherVerdicts()
        .clearCheckedSteps()
        .clearSkippedSteps();
    run.clearCertifiedSteps();
  }

  /** Removes all that is stored of the run's checks. */
  void clear() {
    clear(-1);
  }

  private void show(Verdict verdict) {
    if (verdict.getCheck().equals(EXPRESSIVITY)) {
      if (!run.hasLatestVerdict() || isUpTo(run.getLatestVerdict(), verdict)) {
        run.setLatestVerdict(verdict);
      }
      if (verdict.getWitness()
          && (!run.hasWitnessVerdict() || isUpTo(run.getWitnessVerdict(), verdict))) {
        run.setWitnessVerdict(verdict);
      }
    } else {
      showOther(verdict);
    }
    if (run.getCertifiedStepsCount() >= MOST_CHECKS
        && !run.containsCertifiedSteps(verdict.getCheck())) {
      return;
    }
    if (verdict.getCertificate().getOutcome() == Outcome.OUTCOME_CERTIFIED
        && Long.compareUnsigned(
                run.getCertifiedStepsOrDefault(verdict.getCheck(), 0), verdict.getStep())
            <= 0) {
      run.putCertifiedSteps(verdict.getCheck(), verdict.getStep());
    }
  }

  private void showOther(Verdict verdict) {
    List<Verdict> others = new ArrayList<>(run.getOtherVerdictsList());
    Optional<Verdict> before =
        others.stream().filter(other -> other.getCheck().equals(verdict.getCheck())).findFirst();
    if (before.isPresent() ? !isUpTo(before.get(), verdict) : others.size() >= MOST_CHECKS) {
      return;
    }
    before.ifPresent(others::remove);
    int bytes = others.stream().mapToInt(Verdict::getSerializedSize).sum();
    Verdict kept = verdict.toBuilder().clearHistograms().build();
    others.add(
        bytes + kept.getSerializedSize() <= MOST_BYTES
            ? kept
            : kept.toBuilder().clearMeasures().clearSpectrum().clearLayers().build());
    others.sort(Comparator.comparing(Verdict::getCheck));
    run.clearOtherVerdicts().addAllOtherVerdicts(others);
  }

  private static boolean isUpTo(Verdict one, Verdict other) {
    return Long.compareUnsigned(one.getStep(), other.getStep()) <= 0;
  }

  private boolean hasVerdict(long step) {
    try (KeyValueIterator<Bytes, byte[]> range =
        store.range(verdicts.from(step), verdicts.upTo(step))) {
      return range.hasNext();
    }
  }

  private static String hex(long step) {
    return "%016x".formatted(step);
  }
}
