package io.fullrank.trainer.configuration;

import java.time.Duration;

/**
 * What programs outside Fullrank may report, and how much memory that takes at most.
 *
 * @param maxSpecBytes how long an experiment may be as a message, in bytes
 * @param maxSnapshotBytes features, weights and gradients of one snapshot, in bytes
 * @param bufferBytes what the snapshots of all streams that are not yet with the broker take
 *     together, in bytes, outside the Java heap
 * @param maxStreams how many streams may be open
 * @param heartbeatInterval how often a run has to report something
 * @param idleTimeout how long a stream may be silent
 */
public record IngestSettings(
    long maxSpecBytes,
    long maxSnapshotBytes,
    long bufferBytes,
    int maxStreams,
    Duration heartbeatInterval,
    Duration idleTimeout) {

  /** Returns the largest snapshot that can be accepted, in bytes. */
  public long largestSnapshot() {
    return Math.min(maxSnapshotBytes, bufferBytes);
  }

  /** Returns the configuration's key that sets it, below {@code fullrank.trainer}. */
  public String keyOfLargestSnapshot() {
    return bufferBytes < maxSnapshotBytes ? "ingest.buffer-bytes" : "ingest.max-snapshot-bytes";
  }
}
