package io.fullrank.trainer.ingest;

import com.google.protobuf.ByteString;
import com.google.protobuf.UnsafeByteOperations;
import java.nio.ByteBuffer;
import java.security.MessageDigest;

/**
 * The data of one tensor as they come in pieces. They are held outside the Java heap, once; memory
 * grows with what has arrived.
 */
final class ArrivingBytes {

  private static final int SEGMENT_BYTES = 1 << 20;

  private final long bytes;
  private final MessageDigest digest;
  private ByteString complete = ByteString.EMPTY;
  private ByteBuffer segment = ByteBuffer.allocate(0);

  /**
   * Awaits data.
   *
   * @param bytes how many
   * @param digest is told of all that comes
   */
  ArrivingBytes(long bytes, MessageDigest digest) {
    this.bytes = bytes;
    this.digest = digest;
  }

  /** Returns whether all are there. */
  boolean isComplete() {
    return missing() == 0;
  }

  /** Returns all, which share the memory that they are held in. */
  ByteString complete() {
    return complete;
  }

  /**
   * Takes what is this tensor's.
   *
   * @param part its position moves behind what was taken
   */
  void take(ByteBuffer part) {
    int length = (int) Math.min(part.remaining(), missing());
    ByteBuffer mine = part.slice().limit(length);
    digest.update(mine.duplicate());
    hold(mine);
    part.position(part.position() + length);
  }

  private long missing() {
    return bytes - complete.size() + segment.remaining();
  }

  private void hold(ByteBuffer part) {
    while (part.hasRemaining()) {
      if (!segment.hasRemaining()) {
        segment = ByteBuffer.allocateDirect((int) Math.min(SEGMENT_BYTES, bytes - complete.size()));
        complete = complete.concat(UnsafeByteOperations.unsafeWrap(segment.duplicate()));
      }
      int length = Math.min(part.remaining(), segment.remaining());
      segment.put(part.slice().limit(length));
      part.position(part.position() + length);
    }
  }
}
