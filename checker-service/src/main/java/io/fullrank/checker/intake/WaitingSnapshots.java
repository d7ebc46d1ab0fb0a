package io.fullrank.checker.intake;

import io.fullrank.checker.configuration.CheckPolicy;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The snapshots that wait for their check, and which is next: runs take turns, and a run whose
 * witness waits goes first, since its training waits too.
 */
public final class WaitingSnapshots {

  private final CheckPolicy policy;
  // In the order of turns: a run that was served starts again at the end.
  private final Map<String, List<PendingSnapshot>> byRun = new LinkedHashMap<>();

  public WaitingSnapshots(CheckPolicy policy) {
    this.policy = policy;
  }

  /**
   * Adds the newest snapshot of a run. A witness takes the place of another snapshot of its step.
   *
   * @return the older snapshots of the run that need not be checked any more and have left
   */
  public List<PendingSnapshot> add(PendingSnapshot newest) {
    List<PendingSnapshot> ofRun =
        byRun.computeIfAbsent(newest.id().run(), run -> new ArrayList<>());
    List<PendingSnapshot> superseded =
        ofRun.stream()
            .filter(older -> !older.snapshot().getWitness())
            .filter(older -> policy == CheckPolicy.LATEST || older.id().equals(newest.id()))
            .toList();
    ofRun.removeAll(superseded);
    ofRun.add(newest);
    return superseded;
  }

  /** Removes and returns the snapshot whose turn it is. */
  public Optional<PendingSnapshot> take() {
    Optional<String> turn =
        byRun.entrySet().stream()
            .filter(run -> witness(run.getValue()).isPresent())
            .map(Map.Entry::getKey)
            .findFirst()
            .or(() -> byRun.keySet().stream().findFirst());
    return turn.map(this::takeFrom);
  }

  /** Removes the snapshots of a partition. */
  public void forget(int partition) {
    byRun.values().forEach(ofRun -> ofRun.removeIf(waiting -> waiting.partition() == partition));
    byRun.values().removeIf(List::isEmpty);
  }

  public boolean isEmpty() {
    return byRun.isEmpty();
  }

  public int size() {
    return byRun.values().stream().mapToInt(List::size).sum();
  }

  public long bytes() {
    return all().mapToLong(PendingSnapshot::bytes).sum();
  }

  private PendingSnapshot takeFrom(String run) {
    List<PendingSnapshot> ofRun = byRun.remove(run);
    PendingSnapshot taken = witness(ofRun).orElseGet(() -> ofRun.get(0));
    ofRun.remove(taken);
    if (!ofRun.isEmpty()) {
      byRun.put(run, ofRun);
    }
    return taken;
  }

  private Stream<PendingSnapshot> all() {
    return byRun.values().stream().flatMap(List::stream);
  }

  private static Optional<PendingSnapshot> witness(List<PendingSnapshot> ofRun) {
    return ofRun.stream().filter(waiting -> waiting.snapshot().getWitness()).findFirst();
  }
}
