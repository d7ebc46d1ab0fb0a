package io.fullrank.proto;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import io.fullrank.proto.WireFormatException.Fault;
import io.fullrank.proto.v1.Snapshot;
import io.fullrank.proto.v1.SnapshotChunk;
import io.fullrank.proto.v1.Tensor;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Joins the chunks of one run's snapshots, in the order in which they were published. Nothing is
 * taken on trust: memory grows only with payloads received, and a snapshot comes out only if every
 * chunk, the whole, and every tensor pass their checks. Its tensors share the payloads' memory. Not
 * safe for use by several threads.
 *
 * <p>A snapshot may be sent several times, in several copies that mix, as by a sender that was
 * taken for dead: copies of the same bytes complete each other, and the copy that begins last takes
 * the place of those with other bytes; only one that is a witness yields to none that is not.
 */
public final class SnapshotAssembler {

  /**
   * What one chunk led to.
   *
   * @param snapshot the snapshot that the chunk completed
   * @param abandoned the incomplete snapshot that this newer one replaced
   */
  public record Step(Optional<Snapshot> snapshot, Optional<SnapshotId> abandoned) {}

  private final String run;
  private final long maxSnapshotBytes;
  // Copies of the incomplete snapshot whose place the present one has taken.
  private final Set<Copy> replaced = new HashSet<>();
  private SnapshotChunk first;
  private int received;
  private ByteString bytes = ByteString.EMPTY;

  /** What all chunks of one copy of a snapshot agree on. */
  private record Copy(int count, long totalBytes, int totalCrc32c, boolean witness) {

    static Copy of(SnapshotChunk chunk) {
      return new Copy(
          chunk.getCount(), chunk.getTotalBytes(), chunk.getTotalCrc32C(), chunk.getWitness());
    }
  }

  /**
   * Creates an assembler without any chunk.
   *
   * @param run the only run whose chunks are accepted
   * @param maxSnapshotBytes the longest serialised snapshot that is accepted; none is longer than
   *     an array, 2^31 - 1 bytes
   */
  public SnapshotAssembler(String run, long maxSnapshotBytes) {
    this.run = run;
    this.maxSnapshotBytes = Math.min(maxSnapshotBytes, Integer.MAX_VALUE);
  }

  /**
   * Takes the next chunk.
   *
   * @throws WireFormatException if the chunk does not fit; the incomplete snapshot it belongs to is
   *     given up, except for duplicated and interleaved chunks, those of another copy, and those of
   *     another run, which are refused alone
   */
  public Step accept(SnapshotChunk chunk) throws WireFormatException {
    SnapshotId id = SnapshotId.of(chunk);
    if (!id.run().equals(run)) {
      throw refused(Fault.INVALID_CHUNK, chunk, "belongs to another run than " + run);
    }
    Optional<SnapshotId> abandoned = Optional.empty();
    if (first != null && !id.equals(SnapshotId.of(first))) {
      SnapshotId current = SnapshotId.of(first);
      if (id.compareTo(current) < 0) {
        throw refused(Fault.INTERLEAVED_CHUNK, chunk, "comes within the newer " + current);
      }
      abandoned = Optional.of(current);
      clear();
    }
    if (first != null) {
      chooseCopy(chunk);
    }
    try {
      add(chunk);
      return new Step(received < chunk.getCount() ? Optional.empty() : complete(), abandoned);
    } catch (WireFormatException refused) {
      clear();
      throw refused;
    }
  }

  /** Refuses a chunk that is not needed, or makes room for the copy that it begins. */
  private void chooseCopy(SnapshotChunk chunk) throws WireFormatException {
    Copy present = Copy.of(first);
    Copy copy = Copy.of(chunk);
    if (copy.equals(present)) {
      if (chunk.getIndex() < received && chunk.getIndex() >= 0) {
        throw refused(Fault.DUPLICATED_CHUNK, chunk, "was there before");
      }
    } else if (chunk.getIndex() == 0 && (copy.witness() || !present.witness())) {
      clear();
      replaced.add(present);
    } else if (replaced.contains(copy) || (present.witness() && !copy.witness())) {
      throw refused(Fault.OTHER_COPY, chunk, "belongs to a copy that another one has replaced");
    }
  }

  /** Returns the snapshot whose chunks are partly there. */
  public Optional<SnapshotId> incomplete() {
    return Optional.ofNullable(first).map(SnapshotId::of);
  }

  /** Returns the bytes held of the incomplete snapshot. */
  public long bytesHeld() {
    return bytes.size();
  }

  private void add(SnapshotChunk chunk) throws WireFormatException {
    if (chunk.getCount() <= 0 || chunk.getIndex() < 0 || chunk.getIndex() >= chunk.getCount()) {
      throw refused(Fault.INVALID_CHUNK, chunk, "has no such place");
    }
    if (chunk.getTotalBytes() < 0 || chunk.getTotalBytes() > maxSnapshotBytes) {
      throw refused(
          Fault.TOO_LARGE,
          chunk,
          "announces %s bytes, at most %d are accepted"
              .formatted(Long.toUnsignedString(chunk.getTotalBytes()), maxSnapshotBytes));
    }
    if (chunk.getIndex() != received) {
      throw refused(Fault.MISSING_CHUNK, chunk, "came where chunk %d was due".formatted(received));
    }
    if (first != null && !Copy.of(chunk).equals(Copy.of(first))) {
      throw refused(Fault.INCONSISTENT_CHUNK, chunk, "disagrees with the first chunk");
    }
    if (SnapshotChunks.crc32c(chunk.getPayload()) != chunk.getPayloadCrc32C()) {
      throw refused(Fault.CHECKSUM_MISMATCH, chunk, "does not match its CRC-32C");
    }
    long total = (long) bytes.size() + chunk.getPayload().size();
    boolean last = chunk.getIndex() == chunk.getCount() - 1;
    if (total > chunk.getTotalBytes() || (last && total != chunk.getTotalBytes())) {
      throw refused(
          Fault.INVALID_CHUNK,
          chunk,
          "brings the snapshot to %d of %d bytes".formatted(total, chunk.getTotalBytes()));
    }
    if (first == null) {
      // Only the fields are kept: the payload is in bytes already.
      first = chunk.toBuilder().clearPayload().build();
    }
    bytes = bytes.concat(chunk.getPayload());
    received++;
  }

  private Optional<Snapshot> complete() throws WireFormatException {
    SnapshotChunk described = first;
    ByteString whole = bytes;
    if (SnapshotChunks.crc32c(whole) != described.getTotalCrc32C()) {
      throw refused(Fault.CHECKSUM_MISMATCH, described, "begins a snapshot that does not match");
    }
    Snapshot snapshot;
    try {
      snapshot = SnapshotBytes.parse(whole);
    } catch (InvalidProtocolBufferException malformed) {
      throw refused(Fault.UNPARSEABLE, described, "begins no snapshot: " + malformed.getMessage());
    }
    if (!SnapshotId.of(snapshot).equals(SnapshotId.of(described))) {
      throw refused(
          Fault.INCONSISTENT_CHUNK,
          described,
          "begins another snapshot: " + SnapshotId.of(snapshot));
    }
    if (snapshot.getWitness() != described.getWitness()) {
      throw refused(
          Fault.INCONSISTENT_CHUNK, described, "and its snapshot disagree whether it is a witness");
    }
    validate(described, snapshot.getWeightsList());
    validate(described, snapshot.getGradientsList());
    if (snapshot.hasFeatures()) {
      validate(described, List.of(snapshot.getFeatures()));
    }
    clear();
    return Optional.of(snapshot);
  }

  private static void validate(SnapshotChunk described, List<Tensor> tensors)
      throws WireFormatException {
    for (Tensor tensor : tensors) {
      try {
        Tensors.validate(tensor);
      } catch (WireFormatException invalid) {
        throw refused(invalid.fault(), described, "begins a bad snapshot: " + invalid.getMessage());
      }
    }
  }

  private void clear() {
    replaced.clear();
    first = null;
    received = 0;
    bytes = ByteString.EMPTY;
  }

  private static WireFormatException refused(Fault fault, SnapshotChunk chunk, String what) {
    return new WireFormatException(
        fault,
        "%s: chunk %d of %d %s"
            .formatted(SnapshotId.of(chunk), chunk.getIndex(), chunk.getCount(), what));
  }
}
