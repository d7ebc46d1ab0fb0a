package io.fullrank.proto;

import com.google.protobuf.ByteString;
import com.google.protobuf.CodedOutputStream;
import com.google.protobuf.WireFormat;
import io.fullrank.proto.v1.Snapshot;
import io.fullrank.proto.v1.SnapshotChunk;
import io.fullrank.proto.v1.Tensor;
import java.io.IOException;
import java.io.UncheckedIOException;
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
   * Cuts a snapshot into chunks, to be published in the order of the list.
   *
   * @param snapshot the snapshot, with its header
   * @param payloadBytes length of each payload but the last, at least 1
   */
  public static List<SnapshotChunk> split(Snapshot snapshot, int payloadBytes) {
    return split(snapshot, snapshot.toByteString(), payloadBytes);
  }

  /**
   * Cuts a snapshot into chunks whose payloads share the memory of its features' entries.
   *
   * @param snapshot the snapshot with its header, its features without their entries
   * @param entries those of the features; they and the rest are shorter than 2^31 bytes together
   * @param payloadBytes length of each payload but the last, at least 1
   */
  public static List<SnapshotChunk> splitWithFeatures(
      Snapshot snapshot, ByteString entries, int payloadBytes) {
    return split(snapshot, serialised(snapshot, entries), payloadBytes);
  }

  private static List<SnapshotChunk> split(Snapshot snapshot, ByteString bytes, int payloadBytes) {
    if (payloadBytes < 1) {
      throw new IllegalArgumentException("a chunk needs at least 1 byte, not " + payloadBytes);
    }
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

  // A field may stand anywhere in a message, so that the longest can come last, after all that is
  // copied.
  private static ByteString serialised(Snapshot snapshot, ByteString entries) {
    ByteString features = snapshot.getFeatures().toByteString();
    ByteString.Output head = ByteString.newOutput();
    try {
      CodedOutputStream out = CodedOutputStream.newInstance(head);
      snapshot.toBuilder().clearFeatures().build().writeTo(out);
      out.writeTag(Snapshot.FEATURES_FIELD_NUMBER, WireFormat.WIRETYPE_LENGTH_DELIMITED);
      out.writeUInt32NoTag(
          Math.addExact(
              features.size()
                  + CodedOutputStream.computeTagSize(Tensor.DATA_FIELD_NUMBER)
                  + CodedOutputStream.computeUInt32SizeNoTag(entries.size()),
              entries.size()));
      out.writeRawBytes(features);
      out.writeTag(Tensor.DATA_FIELD_NUMBER, WireFormat.WIRETYPE_LENGTH_DELIMITED);
      out.writeUInt32NoTag(entries.size());
      out.flush();
    } catch (IOException impossible) {
      throw new UncheckedIOException(impossible);
    }
    return head.toByteString().concat(entries);
  }

  static int crc32c(ByteString bytes) {
    CRC32C crc = new CRC32C();
    for (ByteBuffer part : bytes.asReadOnlyByteBufferList()) {
      crc.update(part);
    }
    return (int) crc.getValue();
  }
}
