package io.fullrank.metrics.watch;

import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** How many watches each caller has open: each holds memory, however little its client reads. */
final class OpenWatches {

  private final int most;
  private final Map<String, Integer> byCaller = new ConcurrentHashMap<>();

  /**
   * Creates it without watches.
   *
   * @param most how many watches one caller may have open
   */
  OpenWatches(int most) {
    this.most = most;
  }

  /**
   * Counts one more watch of a caller.
   *
   * @return to be called once, when the watch has ended
   * @throws StatusRuntimeException RESOURCE_EXHAUSTED if the caller has as many as it may
   */
  Runnable open(String caller) {
    byCaller.compute(
        caller,
        (name, before) -> {
          int open = before == null ? 0 : before;
          if (open >= most) {
            throw Status.RESOURCE_EXHAUSTED
                .withDescription(
                    "%d watches of this caller are open; the server's fullrank.metrics.max-watches sets the limit"
                        .formatted(open))
                .asRuntimeException();
          }
          return open + 1;
        });
    return () -> byCaller.compute(caller, (name, open) -> open == 1 ? null : open - 1);
  }
}
