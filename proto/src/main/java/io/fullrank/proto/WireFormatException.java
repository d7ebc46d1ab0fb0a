package io.fullrank.proto;

/**
 * Bytes that do not follow the wire contract. The message is one line and names the run and the
 * tensor or chunk.
 */
public final class WireFormatException extends Exception {

  private static final long serialVersionUID = 1L;

  /** What is wrong with the bytes. */
  public enum Fault {
    /** The bytes do not parse as the message they should be. */
    UNPARSEABLE,
    /** A tensor's element type is unknown. */
    UNKNOWN_DATA_TYPE,
    /** A tensor's shape has a negative dimension, or more elements than can be addressed. */
    INVALID_SHAPE,
    /** A tensor's byte count differs from what its shape and type ask for. */
    SHAPE_BYTES_MISMATCH,
    /** A chunk's own fields are out of range. */
    INVALID_CHUNK,
    /** A chunk came without the one before it. */
    MISSING_CHUNK,
    /** A chunk came a second time. */
    DUPLICATED_CHUNK,
    /** A chunk belongs to a copy of the snapshot that another copy has replaced. */
    OTHER_COPY,
    /** A chunk of an older snapshot came within a newer one of the same run. */
    INTERLEAVED_CHUNK,
    /** A chunk describes its snapshot otherwise than the first chunk did. */
    INCONSISTENT_CHUNK,
    /** The payload or the whole snapshot does not match its CRC-32C. */
    CHECKSUM_MISMATCH,
    /** The snapshot is longer than the reader accepts. */
    TOO_LARGE
  }

  private final Fault fault;

  /**
   * Creates the exception.
   *
   * @param fault what is wrong
   * @param message one line for a person
   */
  public WireFormatException(Fault fault, String message) {
    super(message);
    this.fault = fault;
  }

  /** Returns what is wrong. */
  public Fault fault() {
    return fault;
  }
}
