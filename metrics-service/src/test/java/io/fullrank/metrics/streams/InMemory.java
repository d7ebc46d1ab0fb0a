package io.fullrank.metrics.streams;

import io.fullrank.metrics.store.ProgressStore;
import io.fullrank.metrics.store.RunChanges;
import io.fullrank.metrics.store.RunRecord;
import io.fullrank.metrics.store.RunShard;
import io.fullrank.metrics.store.RunStore;
import io.fullrank.metrics.store.RunStores;
import java.time.Instant;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.processor.api.MockProcessorContext;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/** Kafka Streams' own stores in memory, without a broker. */
public final class InMemory {

  public static final Instant NOW = Instant.ofEpochSecond(1_800_000_100);

  private InMemory() {}

  public static RunStores stores() {
    return new RunStores(
        store(RunStores.RUNS, Serdes.String()),
        new ProgressStore(store(RunStores.PROGRESS, Serdes.Bytes())),
        store(RunStores.CHECKS, Serdes.Bytes()));
  }

  /** Returns a store that holds partition 0. */
  public static RunStore runStore() {
    RunStore store = new RunStore(new RunChanges());
    store.open(0, new RunShard(stores()));
    return store;
  }

  public static void apply(RunStore store, RunRecord record) {
    store.apply(0, record, NOW);
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
