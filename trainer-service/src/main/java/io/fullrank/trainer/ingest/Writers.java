package io.fullrank.trainer.ingest;

import io.grpc.Status;
import io.grpc.StatusException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;

/**
 * The open streams, and the one of each run that writes. Only the worker's thread uses it, but for
 * the number of streams.
 */
final class Writers {

  private final Set<RunReport> open = new HashSet<>();
  private final Map<String, RunReport> writing = new HashMap<>();
  private volatile int count;

  /** Returns how many streams are open. */
  int count() {
    return count;
  }

  void opened(RunReport stream) {
    open.add(stream);
    count = open.size();
  }

  void closed(RunReport stream) {
    open.remove(stream);
    count = open.size();
  }

  List<RunReport> all() {
    return new ArrayList<>(open);
  }

  /**
   * Makes a stream the one that writes for a run, and ends the one that did.
   *
   * @return completes when the others write no more
   * @throws StatusException FAILED_PRECONDITION if a later attempt of the run writes
   */
  CompletableFuture<Void> takeOver(String run, RunReport stream) throws StatusException {
    RunReport before = writing.get(run);
    if (before != null && Long.compareUnsigned(before.attempt(), stream.attempt()) > 0) {
      throw Status.FAILED_PRECONDITION
          .withDescription(
              "attempt: %s, but attempt %s of run '%s' is reporting"
                  .formatted(
                      Long.toUnsignedString(stream.attempt()),
                      Long.toUnsignedString(before.attempt()),
                      run))
          .asException();
    }
    writing.put(run, stream);
    CompletableFuture<Void> unused = stream.written().thenRun(() -> writing.remove(run, stream));
    if (before == null) {
      return CompletableFuture.completedFuture(null);
    }
    before.end(
        Status.ABORTED.withDescription("another stream reports run '%s' now".formatted(run)));
    return before.written();
  }
}
