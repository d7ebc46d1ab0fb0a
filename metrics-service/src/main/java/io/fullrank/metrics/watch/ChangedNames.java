package io.fullrank.metrics.watch;

import io.fullrank.metrics.store.RunChanges;
import io.fullrank.metrics.v1.RunChange;
import io.fullrank.metrics.v1.WatchChangesResponse;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/** The names of the runs held here that have changed since another instance was told last. */
final class ChangedNames
    implements CoalescedStream.Source<WatchChangesResponse>, RunChanges.Listener {

  // Its size is bounded by the number of runs.
  private final Map<String, String> changed = new LinkedHashMap<>();
  // It cannot be known what changed before the stream began.
  private boolean any = true;
  private volatile CoalescedStream<WatchChangesResponse> stream;
  private volatile RunChanges.Watching watching;

  /**
   * Begins.
   *
   * @param to the stream that this is the source of
   * @param handle ends the calls to this listener
   */
  void start(CoalescedStream<WatchChangesResponse> to, RunChanges.Watching handle) {
    watching = handle;
    stream = to;
    to.start();
  }

  @Override
  public void changed(String run, String experiment) {
    synchronized (this) {
      changed.put(run, experiment);
    }
    wake();
  }

  @Override
  public void anyChanged() {
    synchronized (this) {
      any = true;
    }
    wake();
  }

  @Override
  public synchronized boolean isPending() {
    return any || !changed.isEmpty();
  }

  @Override
  public synchronized Optional<WatchChangesResponse> take() {
    WatchChangesResponse.Builder response = WatchChangesResponse.newBuilder().setAny(any);
    changed.forEach(
        (run, experiment) ->
            response.addChanges(RunChange.newBuilder().setRun(run).setExperiment(experiment)));
    any = false;
    changed.clear();
    return Optional.of(response.build());
  }

  @Override
  public boolean isComplete() {
    return false;
  }

  @Override
  public void close() {
    watching.close();
  }

  private void wake() {
    // Changes may come before the stream is there; it looks when it starts.
    if (stream != null) {
      stream.wake();
    }
  }
}
