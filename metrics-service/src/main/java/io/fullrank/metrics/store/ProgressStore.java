package io.fullrank.metrics.store;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import com.google.protobuf.CodedInputStream;
import com.google.protobuf.WireFormat;
import io.fullrank.metrics.selection.Portion;
import io.fullrank.metrics.selection.Spread;
import io.fullrank.metrics.selection.StepKeys;
import io.fullrank.metrics.selection.StepRange;
import io.fullrank.proto.v1.Progress;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;

/**
 * What runs reported, by step, in a state store.
 *
 * <p>Charts ask for a few of many steps, evenly spread. To know which ones these are, the steps of
 * the runs that were asked for last are kept in memory, eight bytes each: to read through all that
 * is stored would cost more than all else that a call does. While one thread writes, no other may
 * read or write; any number of threads may read at the same time.
 */
public final class ProgressStore {

  /** How many steps are kept in memory at most, of all runs together. */
  private static final long STEPS_KEPT = 1 << 19;

  private final KeyValueStore<Bytes, byte[]> store;
  private final Cache<String, ReportedSteps> steps =
      Caffeine.newBuilder()
          .maximumWeight(STEPS_KEPT)
          .weigher((String run, ReportedSteps of) -> 1 + of.count())
          .executor(Runnable::run)
          .build();

  public ProgressStore(KeyValueStore<Bytes, byte[]> store) {
    this.store = store;
  }

  /** Adds progress of a run, of a step that is not below any that is there. */
  void put(String run, Progress newest) {
    store.put(keys(run).from(newest.getStep()), newest.toByteArray());
    steps.asMap().computeIfPresent(run, (unused, before) -> before.with(newest.getStep()));
  }

  /** Removes all of a run. */
  void delete(String run) {
    steps.invalidate(run);
    PartitionStores.delete(store, keys(run).first(), keys(run).last());
  }

  /** Removes what a run reported of steps after one. */
  void deleteAfter(String run, long step) {
    steps.invalidate(run);
    if (step != -1) {
      PartitionStores.delete(store, keys(run).from(step + 1), keys(run).last());
    }
  }

  /** Returns what a run reported of its last step. */
  Optional<Progress> newest(String run) {
    try (KeyValueIterator<Bytes, byte[]> newestFirst =
        store.reverseRange(keys(run).first(), keys(run).last())) {
      return newestFirst.hasNext()
          ? Optional.of(PartitionStores.parse(Progress.parser(), newestFirst.next().value))
          : Optional.empty();
    }
  }

  /**
   * Returns what a run reported first in a range, as much of it as one answer takes.
   *
   * @param limit how many at most
   */
  List<Progress> list(String run, StepRange range, int limit) {
    Portion<Progress> portion = new Portion<>(limit);
    // The place after which to begin may be the last in the range.
    if (range.isEmpty()) {
      return portion.values();
    }
    try (KeyValueIterator<Bytes, byte[]> stored =
        store.range(keys(run).from(range.from()), keys(run).upTo(range.to()))) {
      while (stored.hasNext() && !portion.isFull()) {
        portion.add(PartitionStores.parse(Progress.parser(), stored.next().value));
      }
    }
    return portion.values();
  }

  /**
   * Returns what a run reported, evenly spread over that in a range, without gradient norms: these
   * are most of the bytes, and no chart shows them.
   *
   * @param points how many at most, at least 1
   */
  List<Progress> spread(String run, StepRange range, int points) {
    StepKeys keys = keys(run);
    ReportedSteps reported = steps.get(run, unused -> read(keys));
    int first = reported.below(range.from());
    int[] picks = Spread.of(Math.max(0, reported.upTo(range.to()) - first), points, -1);
    return Arrays.stream(picks)
        .mapToObj(pick -> store.get(keys.from(reported.step(first + pick))))
        .map(ProgressStore::withoutNorms)
        .toList();
  }

  // Of a network with thousands of layers, the norms of a thousand steps are millions of objects:
  // they are skipped, not parsed.
  private static Progress withoutNorms(byte[] stored) {
    CodedInputStream input = CodedInputStream.newInstance(stored);
    ByteArrayOutputStream figures = new ByteArrayOutputStream();
    try {
      int begin = 0;
      for (int tag = input.readTag(); tag != 0; tag = input.readTag()) {
        input.skipField(tag);
        int end = input.getTotalBytesRead();
        if (WireFormat.getTagFieldNumber(tag) != Progress.GRADIENT_NORMS_FIELD_NUMBER) {
          figures.write(stored, begin, end - begin);
        }
        begin = end;
      }
    } catch (IOException damaged) {
      throw PartitionStores.damaged(damaged);
    }
    return PartitionStores.parse(Progress.parser(), figures.toByteArray());
  }

  private ReportedSteps read(StepKeys keys) {
    ReportedSteps read = ReportedSteps.none();
    try (KeyValueIterator<Bytes, byte[]> stored = store.range(keys.first(), keys.last())) {
      while (stored.hasNext()) {
        read = read.with(keys.step(stored.next().key));
      }
    }
    return read;
  }

  private static StepKeys keys(String run) {
    return new StepKeys(run, 0);
  }
}
