package io.fullrank.metrics.store;

import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;

/**
 * Tells listeners that runs have changed, on this instance or on another one. It tells that a run
 * changed, not how: a listener that wants to know reads the run.
 */
public final class RunChanges {

  /** Is told of changes, by threads that must not be kept waiting. */
  public interface Listener {

    /** A run changed. */
    void changed(String run, String experiment);

    /** Any run may have changed: partitions moved, or another instance could not be heard. */
    void anyChanged();
  }

  /** Ends the calls to a listener. */
  public interface Watching extends AutoCloseable {
    @Override
    void close();
  }

  private final Map<String, Collection<Listener>> byRun = new ConcurrentHashMap<>();
  private final Map<String, Collection<Listener>> byExperiment = new ConcurrentHashMap<>();
  private final Collection<Listener> ofHeld = new CopyOnWriteArrayList<>();

  /** Has a listener called after every change of a run. */
  public Watching watchRun(String run, Listener listener) {
    return add(byRun, run, listener);
  }

  /** Has a listener called after every change of a run of an experiment. */
  public Watching watchExperiment(String experiment, Listener listener) {
    return add(byExperiment, experiment, listener);
  }

  /** Has a listener called after every change of a run that this instance holds. */
  public Watching watchHeld(Listener listener) {
    ofHeld.add(listener);
    return () -> ofHeld.remove(listener);
  }

  /** Tells that a run changed that this instance holds. */
  void heldChanged(String run, String experiment) {
    changed(run, experiment);
    ofHeld.forEach(each -> each.changed(run, experiment));
  }

  /** Tells that partitions came to this instance or went. */
  void anyHeldChanged() {
    anyChanged();
    ofHeld.forEach(Listener::anyChanged);
  }

  /** Tells that a run changed, here or elsewhere. */
  public void changed(String run, String experiment) {
    byRun.getOrDefault(run, List.of()).forEach(each -> each.changed(run, experiment));
    byExperiment.getOrDefault(experiment, List.of()).forEach(each -> each.changed(run, experiment));
  }

  /** Tells that any run may have changed, here or elsewhere. */
  public void anyChanged() {
    byRun.values().forEach(listeners -> listeners.forEach(Listener::anyChanged));
    byExperiment.values().forEach(listeners -> listeners.forEach(Listener::anyChanged));
  }

  /** Returns how many listeners watch a run or an experiment. */
  int watcherCount() {
    return count(byRun) + count(byExperiment);
  }

  private static int count(Map<String, Collection<Listener>> watched) {
    return watched.values().stream().mapToInt(Collection::size).sum();
  }

  private static Watching add(
      Map<String, Collection<Listener>> watched, String key, Listener listener) {
    watched.compute(
        key,
        (unused, present) -> {
          Collection<Listener> all = present == null ? new CopyOnWriteArrayList<>() : present;
          all.add(listener);
          return all;
        });
    return () ->
        watched.computeIfPresent(
            key,
            (unused, remaining) -> {
              remaining.remove(listener);
              return remaining.isEmpty() ? null : remaining;
            });
  }
}
