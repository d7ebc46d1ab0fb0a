package io.fullrank.metrics.query;

import com.google.protobuf.Message;
import io.fullrank.metrics.selection.Portion;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.util.List;

/** How many entries of a list one response has. */
public final class Pages {

  private static final int DEFAULT_SIZE = 100;
  private static final int MAX_SIZE = 1000;
  private static final int MAX_FEW = 100;

  private Pages() {}

  /**
   * Returns how many entries a page has at most.
   *
   * @throws StatusRuntimeException INVALID_ARGUMENT if that is too many
   */
  public static int size(int requested) {
    return requested == 0 ? DEFAULT_SIZE : atMost("page_size", requested, MAX_SIZE);
  }

  /**
   * Returns how many entries to pick from a range, 0 for all.
   *
   * @throws StatusRuntimeException INVALID_ARGUMENT if that is too many, or if a page token is
   *     given as well
   */
  static int points(int requested, String pageToken) {
    if (requested != 0 && !pageToken.isEmpty()) {
      throw Status.INVALID_ARGUMENT
          .withDescription("page_token: with max_points there is one page; leave it empty")
          .asRuntimeException();
    }
    return atMost("max_points", requested, MAX_SIZE);
  }

  /**
   * Returns how many entries a short answer of a single page has at most.
   *
   * @param field which field of the request says it
   * @param unless how many if that is 0
   * @throws StatusRuntimeException INVALID_ARGUMENT if that is too many
   */
  public static int few(String field, int requested, int unless) {
    return requested == 0 ? unless : atMost(field, requested, MAX_FEW);
  }

  /** Returns how many of some messages fit on a page; one that is too large has its own. */
  public static int fitting(List<? extends Message> messages, int size) {
    long bytes = 0;
    int count = 0;
    for (Message message : messages) {
      bytes += message.getSerializedSize();
      if (count == size || (bytes > Portion.BYTES && count > 0)) {
        break;
      }
      count++;
    }
    return count;
  }

  private static int atMost(String field, int requested, int limit) {
    if (Integer.compareUnsigned(requested, limit) > 0) {
      throw Status.INVALID_ARGUMENT
          .withDescription(
              "%s: %s is more than %d".formatted(field, Integer.toUnsignedString(requested), limit))
          .asRuntimeException();
    }
    return requested;
  }
}
