package io.fullrank.service.runtime;

import java.time.Duration;

/**
 * How fast a client sends something large, such as a matrix, and so how long the server waits for
 * the next piece. No single wait is longer than the idle timeout, and all waits together are no
 * longer than the idle timeout and the time that the bytes which have come take at {@value
 * #LEAST_BYTES_PER_SECOND} bytes a second. A client on a slow line passes, one that sends a byte
 * now and then does not, and an upload of n bytes holds its memory for at most the idle timeout and
 * n / {@value #LEAST_BYTES_PER_SECOND} seconds of waiting.
 *
 * @param idleTimeout the longest wait
 * @param bytes what has come
 * @param waited how long the server has waited for it, without the time for which the client had to
 *     wait for the server
 */
public record UploadPace(Duration idleTimeout, long bytes, Duration waited) {

  /** 512 kbit/s, less than any line on which somebody would send such a thing. */
  public static final long LEAST_BYTES_PER_SECOND = 64 << 10;

  /** Returns the pace of a client that has sent nothing and has not been waited for. */
  public static UploadPace atStart(Duration idleTimeout) {
    return new UploadPace(idleTimeout, 0, Duration.ZERO);
  }

  /** Returns the pace when a piece has come after a wait. */
  public UploadPace after(Duration wait, long pieceBytes) {
    return new UploadPace(idleTimeout, bytes + pieceBytes, waited.plus(wait));
  }

  /** Returns how long the server waits for the next piece; not positive if no longer. */
  public Duration patience() {
    return isSlow() ? slack() : idleTimeout;
  }

  /** Returns whether the client's rate, and not the idle timeout, ends the next wait. */
  public boolean isSlow() {
    return slack().compareTo(idleTimeout) < 0;
  }

  private Duration slack() {
    Duration needed =
        Duration.ofSeconds(bytes / LEAST_BYTES_PER_SECOND)
            .plusNanos(bytes % LEAST_BYTES_PER_SECOND * 1_000_000_000 / LEAST_BYTES_PER_SECOND);
    return idleTimeout.plus(needed).minus(waited);
  }
}
