package io.fullrank.checker.intake;

import com.google.common.hash.HashCode;
import com.google.common.hash.Hashing;
import com.google.protobuf.CodedInputStream;
import com.google.protobuf.CodedOutputStream;
import io.fullrank.proto.SnapshotId;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;

/**
 * How far a partition has been dealt with, as it stands beside the committed offset.
 *
 * <p>The committed offset C is that of the first chunk of the oldest snapshot still held, so that a
 * restarted checker reads that snapshot again. Between C and {@code position} lie chunks of held
 * snapshots and records that have had their effect already; only the former count when they are
 * read a second time. Behind {@code position} everything is new. Since all this is committed in the
 * transaction that publishes the effects, each snapshot is settled exactly once.
 *
 * <p>Runs and snapshots stand as 64 bits of a SHA-256, so that the text fits into the 4 KiB that a
 * broker allows whatever their names are.
 *
 * @param position the offset behind the last record dealt with
 * @param held the snapshots not yet settled, as {@link #key(SnapshotId)}
 * @param newest the newest snapshot that was complete or given up, by {@link #key(String)}; the run
 *     heard of last comes last
 */
public record PartitionProgress(long position, Set<Long> held, Map<Long, Age> newest) {

  private static final int VERSION = 1;

  /** A snapshot's place within its run. */
  record Age(long attempt, long step) implements Comparable<Age> {

    static Age of(SnapshotId id) {
      return new Age(id.attempt(), id.step());
    }

    @Override
    public int compareTo(Age other) {
      int byAttempt = Long.compareUnsigned(attempt, other.attempt);
      return byAttempt != 0 ? byAttempt : Long.compareUnsigned(step, other.step);
    }
  }

  /** Nothing is known but the position. */
  public static PartitionProgress at(long position) {
    return new PartitionProgress(position, Set.of(), Map.of());
  }

  static long key(String run) {
    return first64Bits(Hashing.sha256().hashString(run, StandardCharsets.UTF_8));
  }

  static long key(SnapshotId id) {
    ByteBuffer age = ByteBuffer.allocate(2 * Long.BYTES).putLong(id.attempt()).putLong(id.step());
    return first64Bits(
        Hashing.sha256()
            .newHasher()
            .putBytes(age.flip())
            .putString(id.run(), StandardCharsets.UTF_8)
            .hash());
  }

  /** Returns the text that is committed with an offset. */
  public String toMetadata(long committed) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    CodedOutputStream out = CodedOutputStream.newInstance(bytes);
    try {
      out.writeUInt32NoTag(VERSION);
      out.writeUInt64NoTag(position - committed);
      out.writeUInt32NoTag(held.size());
      for (long snapshot : held) {
        out.writeFixed64NoTag(snapshot);
      }
      out.writeUInt32NoTag(newest.size());
      for (Map.Entry<Long, Age> run : newest.entrySet()) {
        out.writeFixed64NoTag(run.getKey());
        out.writeUInt64NoTag(run.getValue().attempt());
        out.writeUInt64NoTag(run.getValue().step());
      }
      out.flush();
    } catch (IOException impossible) {
      throw new IllegalStateException("memory does not fail to be written to", impossible);
    }
    return Base64.getUrlEncoder().withoutPadding().encodeToString(bytes.toByteArray());
  }

  /**
   * Reads the text again.
   *
   * @throws IOException if no checker wrote the text, as after offsets were set by hand
   */
  public static PartitionProgress fromMetadata(long committed, String metadata) throws IOException {
    byte[] bytes;
    try {
      bytes = Base64.getUrlDecoder().decode(metadata);
    } catch (IllegalArgumentException malformed) {
      throw new IOException("not base64: " + malformed.getMessage(), malformed);
    }
    CodedInputStream in = CodedInputStream.newInstance(bytes);
    int version = in.readUInt32();
    if (version != VERSION) {
      throw new IOException("version %d instead of %d".formatted(version, VERSION));
    }
    long position = committed + in.readUInt64();
    Set<Long> held = new LinkedHashSet<>();
    for (int left = in.readUInt32(); left > 0; left--) {
      held.add(in.readFixed64());
    }
    Map<Long, Age> newest = new LinkedHashMap<>();
    for (int left = in.readUInt32(); left > 0; left--) {
      newest.put(in.readFixed64(), new Age(in.readUInt64(), in.readUInt64()));
    }
    return new PartitionProgress(position, held, newest);
  }

  private static long first64Bits(HashCode sha256) {
    return ByteBuffer.wrap(sha256.asBytes()).getLong();
  }
}
