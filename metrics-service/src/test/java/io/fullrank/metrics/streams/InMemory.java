package io.fullrank.metrics.streams;

import io.fullrank.metrics.store.HeldPartitions;
import io.fullrank.metrics.store.PartitionStores;
import io.fullrank.metrics.store.ProgressStore;
import io.fullrank.metrics.store.RunChanges;
import io.fullrank.metrics.store.RunPartition;
import io.fullrank.metrics.store.RunRecord;
import java.time.Instant;
import java.time.InstantSource;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.processor.api.MockProcessorContext;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/** Kafka Streams' own stores in memory, without a broker. */
public final class InMemory {

  public static final Instant NOW = Instant.ofEpochSecond(1_800_000_100);

  private InMemory() {}

  public static PartitionStores stores() {
    return new PartitionStores(
        store(PartitionStores.RUNS, Serdes.String()),
        new ProgressStore(store(PartitionStores.PROGRESS, Serdes.Bytes())),
        store(PartitionStores.CHECKS, Serdes.Bytes()));
  }

  /** Returns the holder of partition 0 alone. */
  public static HeldPartitions heldPartitions(RunChanges changes, InstantSource clock) {
    HeldPartitions held = new HeldPartitions(changes);
    held.open(0, new RunPartition(stores(), clock));
    return held;
  }

  public static void apply(HeldPartitions held, RunRecord record) {
    held.apply(0, record);
  }

  private static <K> KeyValueStore<K, byte[]> store(String name, Serde<K> keys) {
    KeyValueStore<K, byte[]> store =
        Stores.keyValueStoreBuilder(Stores.inMemoryKeyValueStore(name), keys, Serdes.ByteArray())
            .withCachingDisabled()
            .withLoggingDisabled()
            .build();
    store.init(new MockProcessorContext<Void, Void>().getStateStoreContext(), store);
    return store;
  }
}
