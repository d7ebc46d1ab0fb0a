package io.fullrank.metrics.streams;

import java.util.Map;
import org.apache.kafka.streams.state.RocksDBConfigSetter;
import org.rocksdb.BlockBasedTableConfig;
import org.rocksdb.Cache;
import org.rocksdb.LRUCache;
import org.rocksdb.Options;
import org.rocksdb.RocksDB;
import org.rocksdb.WriteBufferManager;

/**
 * Bounds the memory that all state stores take together outside the heap; each would take up to 100
 * MB otherwise. Kafka Streams makes one for each store and hands it the limits that they share.
 */
public final class RocksDbMemory implements RocksDBConfigSetter {

  /** The key under which Kafka Streams is given the {@link Limits}. */
  static final String LIMITS = "fullrank.rocksdb.limits";

  /**
   * What all stores share.
   *
   * @param cache blocks read, indexes and what was written but not yet to files
   * @param writes the part of it that holds what was written
   */
  record Limits(Cache cache, WriteBufferManager writes) {

    /** Makes limits of some bytes in all, half of them for what was written. */
    static Limits of(long bytes) {
      RocksDB.loadLibrary();
      Cache cache = new LRUCache(bytes);
      return new Limits(cache, new WriteBufferManager(bytes / 2, cache));
    }
  }

  /** For Kafka Streams. */
  public RocksDbMemory() {}

  @Override
  public void setConfig(String store, Options options, Map<String, Object> configuration) {
    Limits limits = (Limits) configuration.get(LIMITS);
    BlockBasedTableConfig table = (BlockBasedTableConfig) options.tableFormatConfig();
    table.setBlockCache(limits.cache());
    table.setCacheIndexAndFilterBlocks(true);
    options.setTableFormatConfig(table);
    options.setWriteBufferManager(limits.writes());
  }

  @Override
  public void close(String store, Options options) {
    // What is shared lives as long as the service.
  }
}
