package io.fullrank.metrics.selection;

import com.google.protobuf.MessageLite;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * The first of some messages, as many as one answer takes: reading stops where it is full, however
 * much more there is. It takes no further message once those that it has are more than {@link
 * #BYTES} together. Then the last one is beyond what fits, and so tells that there is more; of one
 * message that is larger by itself the next one tells it.
 *
 * <p>The beginning of a list is found from the portions of its parts: what a part left out comes
 * after messages that fill the whole list's portion.
 */
public final class Portion<T extends MessageLite> {

  /**
   * How many bytes the messages of an answer have at most: by default gRPC clients refuse over 4
   * MiB.
   */
  public static final int BYTES = 3 << 20;

  private final int limit;
  private final List<T> values = new ArrayList<>();
  private long bytes;

  /**
   * Begins without a message.
   *
   * @param limit how many messages at most
   */
  public Portion(int limit) {
    this.limit = limit;
  }

  /** Returns whether no more is to be read: there may be more. */
  public boolean isFull() {
    return values.size() >= limit || (bytes > BYTES && values.size() > 1);
  }

  /** Adds the next message. */
  public void add(T value) {
    values.add(value);
    bytes += value.getSerializedSize();
  }

  /** Returns the messages in their order. */
  public List<T> values() {
    return Collections.unmodifiableList(values);
  }
}
