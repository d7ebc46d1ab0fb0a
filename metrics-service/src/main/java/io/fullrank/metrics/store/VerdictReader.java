package io.fullrank.metrics.store;

import io.fullrank.metrics.selection.Portion;
import io.fullrank.metrics.selection.Spread;
import io.fullrank.metrics.selection.StepKeys;
import io.fullrank.metrics.selection.StepRange;
import io.fullrank.proto.v1.Verdict;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;

/** Reads the verdicts that a {@link CheckLedger} has written, by step. */
final class VerdictReader {

  private final KeyValueStore<Bytes, byte[]> store;

  /** Creates a reader of the store of checks. */
  VerdictReader(KeyValueStore<Bytes, byte[]> store) {
    this.store = store;
  }

  /**
   * Returns the first verdicts on a run's snapshots in a range, as many as one answer takes.
   *
   * @param check only verdicts of this check; empty means all
   * @param after the place after which to begin, or empty for the first in the range
   * @param limit how many at most
   */
  List<Verdict> list(
      String run, StepRange range, String check, Optional<CheckLedger.Key> after, int limit) {
    StepKeys keys = CheckLedger.verdictKeys(run);
    // The first key above one is the same with a zero behind it.
    Bytes from =
        after
            .map(key -> keys.at(key.step(), key.check() + "\0"))
            .orElseGet(() -> keys.from(range.from()));
    Bytes to = keys.upTo(range.to());
    Portion<Verdict> portion = new Portion<>(limit);
    // The place after which to begin may be the last in the range.
    if (from.compareTo(to) > 0) {
      return portion.values();
    }
    try (KeyValueIterator<Bytes, byte[]> stored = store.range(from, to)) {
      while (stored.hasNext() && !portion.isFull()) {
        KeyValue<Bytes, byte[]> entry = stored.next();
        if (isOf(check, keys, entry.key)) {
          portion.add(parse(entry.value));
        }
      }
    }
    return portion.values();
  }

  /**
   * Returns verdicts on a run's snapshots, evenly spread over those in a range. What fits into one
   * answer is held in memory to pick from; a range with more is read twice.
   *
   * @param check only verdicts of this check; empty means all
   * @param points how many at most, at least 1; fewer are picked if so many do not fit
   * @param wanted the place of a verdict that is among them if it is in the range
   */
  List<Verdict> spread(
      String run, StepRange range, String check, int points, Optional<CheckLedger.Key> wanted) {
    StepKeys keys = CheckLedger.verdictKeys(run);
    Optional<Bytes> wantedKey = wanted.map(key -> keys.at(key.step(), key.check()));
    Bytes from = keys.from(range.from());
    Bytes to = keys.upTo(range.to());
    List<byte[]> read = new ArrayList<>();
    IntStream.Builder sizes = IntStream.builder();
    long bytes = 0;
    int count = 0;
    int wantedAt = -1;
    try (KeyValueIterator<Bytes, byte[]> stored = store.range(from, to)) {
      while (stored.hasNext()) {
        KeyValue<Bytes, byte[]> entry = stored.next();
        if (!isOf(check, keys, entry.key)) {
          continue;
        }
        if (wantedKey.isPresent() && entry.key.equals(wantedKey.get())) {
          wantedAt = count;
        }
        sizes.add(entry.value.length);
        bytes += entry.value.length;
        if (bytes <= Portion.BYTES) {
          read.add(entry.value);
        } else {
          read.clear();
        }
        count++;
      }
    }
    int[] picks = Spread.fitting(sizes.build().toArray(), Portion.BYTES, points, wantedAt);
    return bytes <= Portion.BYTES ? pick(read, picks) : pick(keys, from, to, check, picks);
  }

  private static List<Verdict> pick(List<byte[]> read, int[] picks) {
    List<Verdict> verdicts = new ArrayList<>(picks.length);
    for (int pick : picks) {
      verdicts.add(parse(read.get(pick)));
    }
    return verdicts;
  }

  private static boolean isOf(String check, StepKeys keys, Bytes key) {
    return check.isEmpty() || keys.further(key).equals(check);
  }

  private List<Verdict> pick(StepKeys keys, Bytes from, Bytes to, String check, int[] picks) {
    List<Verdict> verdicts = new ArrayList<>(picks.length);
    try (KeyValueIterator<Bytes, byte[]> stored = store.range(from, to)) {
      for (int at = 0; verdicts.size() < picks.length; ) {
        KeyValue<Bytes, byte[]> entry = stored.next();
        if (!isOf(check, keys, entry.key)) {
          continue;
        }
        if (at == picks[verdicts.size()]) {
          verdicts.add(parse(entry.value));
        }
        at++;
      }
    }
    return verdicts;
  }

  private static Verdict parse(byte[] value) {
    return PartitionStores.parse(Verdict.parser(), value);
  }
}
