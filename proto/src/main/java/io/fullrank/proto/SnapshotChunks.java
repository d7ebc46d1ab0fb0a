package io.fullrank.proto;

import com.google.protobuf.ByteString;
import io.fullrank.proto.v1.Snapshot;
import io.fullrank.proto.v1.SnapshotChunk;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.CRC32C;

/**
 * Cuts serialised snapshots into chunks that a broker takes; {@link SnapshotAssembler} joins them.
 */
public final class SnapshotChunks {

  /** Payload of a chunk where nothing else is asked for: 1 MiB less room for the other fields. */
  public static final int DEFAULT_PAYLOAD_BYTES = (1 << 20) - 4096;

  private SnapshotChunks() {}

  /**
   * Cuts a snapshot into chunks, to be published in the order of the list. They share its features'
   * data.
   *
   * @param snapshot the snapshot, with its header
   * @param payloadBytes length of each payload but the last, at least 1
   * @throws IllegalArgumentException if that is less than 1, or the snapshot has more than 2^31 - 1
   *     bytes
   */
  public static List<SnapshotChunk> split(Snapshot snapshot, int payloadBytes) {
    if (payloadBytes < 1) {
      throw new IllegalArgumentException("a chunk needs at least 1 byte, not " + payloadBytes);
    }
    ByteString bytes = SnapshotBytes.of(snapshot);
    int count = Math.max(1, (int) ((bytes.size() + (long) payloadBytes - 1) / payloadBytes));
    SnapshotId id = SnapshotId.of(snapshot);
    SnapshotChunk.Builder chunk =
        SnapshotChunk.newBuilder()
            .setRun(id.run())
            .setAttempt(id.attempt())
            .setStep(id.step())
            .setCount(count)
            .setTotalBytes(bytes.size())
            .setTotalCrc32C(crc32c(bytes))
            .setWitness(snapshot.getWitness());
    List<SnapshotChunk> chunks = new ArrayList<>(count);
    for (int index = 0; index < count; index++) {
      int from = index * payloadBytes;
      ByteString payload =
          bytes.substring(from, from + Math.min(payloadBytes, bytes.size() - from));
      chunks.add(
          chunk.setIndex(index).setPayload(payload).setPayloadCrc32C(crc32c(payload)).build());
    }
    return chunks;
  }

  static int crc32c(ByteString bytes) {
    CRC32C crc = new CRC32C();
    for (ByteBuffer part : bytes.asReadOnlyByteBufferList()) {
      crc.update(part);
    }
    return (int) crc.getValue();
  }
}
