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
 * @param held the snapshots not yet settled, as {@link #key(SnapshotId, boolean)}
 * @param newest the newest snapshot that was complete or given up, by {@link #key(String)}; the run
 *     heard of last comes last
 */
public record PartitionProgress(long position, Set<Long> held, Map<Long, Decided> newest) {

  private static final int VERSION = 1;

  private static final int WITNESS = 1;
  private static final int DAMAGED = 2;

  /**
   * A snapshot's place within its run. The witness of a step comes after another snapshot of that
   * step: where both are sent, it is the one that training waits for.
   */
  record Age(long attempt, long step, boolean witness) implements Comparable<Age> {

    static Age of(SnapshotId id, boolean witness) {
      return new Age(id.attempt(), id.step(), witness);
    }

    @Override
    public int compareTo(Age other) {
      int byAttempt = Long.compareUnsigned(attempt, other.attempt);
      if (byAttempt != 0) {
        return byAttempt;
      }
      int byStep = Long.compareUnsigned(step, other.step);
      return byStep != 0 ? byStep : Boolean.compare(witness, other.witness);
    }
  }

  /**
   * The snapshot up to which a run is decided.
   *
   * @param damaged whether it was given up for a chunk that did not fit, and chunks of it may still
   *     come that are to be set aside, too
   */
  record Decided(Age age, boolean damaged) {}

  /** Nothing is known but the position. */
  public static PartitionProgress at(long position) {
    return new PartitionProgress(position, Set.of(), Map.of());
  }

  static long key(String run) {
    return first64Bits(Hashing.sha256().hashString(run, StandardCharsets.UTF_8));
  }

  /** Returns what a snapshot stands as; its witness, if there is one besides, is another one. */
  static long key(SnapshotId id, boolean witness) {
    ByteBuffer age =
        ByteBuffer.allocate(2 * Long.BYTES + 1).putLong(id.attempt()).putLong(id.step());
    if (witness) {
      age.put((byte) WITNESS);
    }
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
      for (Map.Entry<Long, Decided> run : newest.entrySet()) {
        out.writeFixed64NoTag(run.getKey());
        out.writeUInt64NoTag(run.getValue().age().attempt());
        out.writeUInt64NoTag(run.getValue().age().step());
      }
      for (Decided run : newest.values()) {
        out.writeUInt32NoTag((run.age().witness() ? WITNESS : 0) | (run.damaged() ? DAMAGED : 0));
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
    Map<Long, Age> ages = new LinkedHashMap<>();
    for (int left = in.readUInt32(); left > 0; left--) {
      // What no flags tell apart ends with its step.
      ages.put(in.readFixed64(), new Age(in.readUInt64(), in.readUInt64(), true));
    }
    Map<Long, Decided> newest = new LinkedHashMap<>();
    boolean withFlags = !in.isAtEnd();
    for (Map.Entry<Long, Age> run : ages.entrySet()) {
      int flags = withFlags ? in.readUInt32() : WITNESS;
      Age age = run.getValue();
      newest.put(
          run.getKey(),
          new Decided(
              new Age(age.attempt(), age.step(), (flags & WITNESS) != 0), (flags & DAMAGED) != 0));
    }
    return new PartitionProgress(position, held, newest);
  }

  private static long first64Bits(HashCode sha256) {
    return ByteBuffer.wrap(sha256.asBytes()).getLong();
  }
}
