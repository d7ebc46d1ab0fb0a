package io.fullrank.metrics.selection;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import org.apache.kafka.common.utils.Bytes;

/**
 * Keys of entries that a run has many of, one or more for each step. In the order of bytes, the
 * entries of one run and kind stand together, by unsigned step.
 */
public final class StepKeys {

  private final byte[] beginning;

  /**
   * Prepares the keys of one kind of a run.
   *
   * @param run the run's name
   * @param kind what sets its keys apart from others of the run in the same store
   */
  public StepKeys(String run, int kind) {
    byte[] name = run.getBytes(StandardCharsets.UTF_8);
    // The length comes first, so that no name is the beginning of another.
    beginning =
        ByteBuffer.allocate(Integer.BYTES + name.length + 1)
            .putInt(name.length)
            .put(name)
            .put((byte) kind)
            .array();
  }

  /** Returns a key of a step; {@code further} tells entries of the same step apart. */
  public Bytes at(long step, String further) {
    byte[] rest = further.getBytes(StandardCharsets.UTF_8);
    return Bytes.wrap(
        ByteBuffer.allocate(beginning.length + Long.BYTES + rest.length)
            .put(beginning)
            .putLong(step)
            .put(rest)
            .array());
  }

  /** Returns a key that is not above any key of a step. */
  public Bytes from(long step) {
    return at(step, "");
  }

  /** Returns a key above all keys of a step, and below those of the next step. */
  public Bytes upTo(long step) {
    // No text in UTF-8 begins with this byte.
    return Bytes.wrap(
        ByteBuffer.allocate(beginning.length + Long.BYTES + 1)
            .put(beginning)
            .putLong(step)
            .put((byte) 0xff)
            .array());
  }

  /** Returns the step of a key of this kind and run. */
  public long step(Bytes key) {
    return ByteBuffer.wrap(key.get()).getLong(beginning.length);
  }

  /** Returns what tells a key of this kind and run from others of its step. */
  public String further(Bytes key) {
    int from = beginning.length + Long.BYTES;
    return new String(key.get(), from, key.get().length - from, StandardCharsets.UTF_8);
  }

  /** Returns a key that is not above any key of the run and kind. */
  public Bytes first() {
    return from(0);
  }

  /** Returns a key above all keys of the run and kind. */
  public Bytes last() {
    return upTo(-1);
  }
}
