package io.fullrank.metrics.store;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.Parser;
import io.fullrank.metrics.v1.StoredRun;
import java.io.IOException;
import java.util.Optional;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;

/**
 * The state stores of one partition. All values are protobuf messages.
 *
 * @param runs {@code StoredRun} by the run's name
 * @param progress {@code Progress} by run and step, see {@link ProgressStore}
 * @param checks what became of snapshots, see {@link CheckLedger}
 */
public record PartitionStores(
    KeyValueStore<String, byte[]> runs,
    ProgressStore progress,
    KeyValueStore<Bytes, byte[]> checks) {

  /** Names of the stores, and of their changelogs within the application's. */
  public static final String RUNS = "runs";

  public static final String PROGRESS = "progress";
  public static final String CHECKS = "checks";

  /** Returns what is stored of a run, the empty message if that is nothing. */
  StoredRun run(String name) {
    return Optional.ofNullable(runs.get(name))
        .map(bytes -> parse(StoredRun.parser(), bytes))
        .orElse(StoredRun.getDefaultInstance());
  }

  /** Parses a message that this service has written to a store. */
  static <T extends Message> T parse(Parser<T> parser, byte[] bytes) {
    try {
      return parser.parseFrom(bytes);
    } catch (InvalidProtocolBufferException damaged) {
      throw damaged(damaged);
    }
  }

  /** Returns what to throw if a store does not hold what this service has written to it. */
  static IllegalStateException damaged(IOException reason) {
    return new IllegalStateException("a state store holds what this service never wrote", reason);
  }

  /** Removes a range, both ends included. */
  static void delete(KeyValueStore<Bytes, byte[]> store, Bytes from, Bytes to) {
    try (KeyValueIterator<Bytes, byte[]> range = store.range(from, to)) {
      while (range.hasNext()) {
        store.delete(range.next().key);
      }
    }
  }
}
