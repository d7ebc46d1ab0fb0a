package io.fullrank.proto;

import java.util.List;
import java.util.Map;

/**
 * A Kafka topic of the wire contract. Every record's key is the run's name in UTF-8, its value one
 * protobuf message.
 *
 * @param name the topic's name
 * @param partitions how many partitions it is created with; all topics have the same number, so
 *     that a run lives in the same partition of each
 * @param config the topic's configuration where it differs from the broker's
 */
public record Topic(String name, int partitions, Map<String, String> config) {

  private static final int PARTITIONS = 6;

  /** {@code RunRequest}: accepted runs, the newest value of each run is kept. */
  public static final Topic EXPERIMENTS =
      new Topic("fullrank.experiments", PARTITIONS, Map.of("cleanup.policy", "compact"));

  /** {@code SnapshotChunk}: pieces of snapshots; a day is enough for any checker to catch up. */
  public static final Topic SNAPSHOTS =
      new Topic(
          "fullrank.snapshots",
          PARTITIONS,
          Map.of("retention.ms", "86400000", "max.message.bytes", "4194304"));

  /**
   * {@code RunEvent}: what runs report; kept, since the metrics service rebuilds its state from it.
   */
  public static final Topic PROGRESS =
      new Topic("fullrank.progress", PARTITIONS, Map.of("retention.ms", "-1"));

  /** {@code CheckRecord}: verdicts and skipped snapshots; kept like progress. */
  public static final Topic VERDICTS =
      new Topic("fullrank.verdicts", PARTITIONS, Map.of("retention.ms", "-1"));

  /** All topics that carry the contract's messages. */
  public static final List<Topic> ALL = List.of(EXPERIMENTS, SNAPSHOTS, PROGRESS, VERDICTS);

  /** Returns the topic that takes the records of this one that cannot be read, kept for a week. */
  public Topic deadLetters() {
    return new Topic(
        name + ".dlq", 1, Map.of("retention.ms", "604800000", "max.message.bytes", "4194304"));
  }
}
