package io.fullrank.checker.loop;

import io.fullrank.checker.intake.PendingSnapshot;
import io.fullrank.checker.judgement.SnapshotJudge;
import io.fullrank.checker.prometheus.CheckerMetrics;
import io.fullrank.proto.v1.Snapshot;
import io.fullrank.proto.v1.Verdict;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * Has snapshots judged on a thread of its own, one at a time. Its methods are for a single thread.
 */
final class CheckWorker {

  /**
   * A snapshot that has been judged.
   *
   * @param verdicts one of each of its checks
   */
  record Judged(PendingSnapshot snapshot, List<Verdict> verdicts) {}

  /**
   * The snapshot that the worker is at.
   *
   * @param abandoned whether the partition is not this checker's any more, so that the verdicts
   *     must not be published
   */
  private record Running(
      PendingSnapshot snapshot, CompletableFuture<List<Verdict>> verdicts, boolean abandoned) {}

  private final SnapshotJudge judge;
  private final CheckerMetrics metrics;
  private final ExecutorService executor;
  private Optional<Running> running = Optional.empty();

  /** Creates a worker that is idle. */
  CheckWorker(SnapshotJudge judge, CheckerMetrics metrics) {
    this.judge = judge;
    this.metrics = metrics;
    this.executor =
        Executors.newSingleThreadExecutor(
            task -> {
              // A check cannot be interrupted: it must not keep the process alive.
              Thread daemon = new Thread(task, "check-worker");
              daemon.setDaemon(true);
              return daemon;
            });
  }

  /** Returns whether no snapshot is judged. */
  boolean isIdle() {
    return running.isEmpty();
  }

  /** Returns whether a snapshot is judged whose verdicts are wanted. */
  boolean isWanted() {
    return running.filter(judged -> !judged.abandoned()).isPresent();
  }

  /** Returns the bytes of the snapshot that is being judged. */
  long bytes() {
    return running.map(judged -> judged.snapshot().bytes()).orElse(0L);
  }

  /** Begins to judge a snapshot; the worker must be idle. */
  void begin(PendingSnapshot next) {
    running =
        Optional.of(
            new Running(
                next,
                CompletableFuture.supplyAsync(() -> judge(next.snapshot()), executor),
                false));
  }

  /** Removes and returns the snapshot if it has been judged and its verdicts are wanted. */
  Optional<Judged> takeFinished() {
    Optional<Running> finished = running.filter(judged -> judged.verdicts().isDone());
    if (finished.isPresent()) {
      running = Optional.empty();
    }
    return finished
        .filter(judged -> !judged.abandoned())
        .map(judged -> new Judged(judged.snapshot(), judged.verdicts().join()));
  }

  /** Says that no verdict on a snapshot of some partitions is wanted any more. */
  void abandon(Collection<Integer> partitions) {
    running =
        running.map(
            judged ->
                partitions.contains(judged.snapshot().partition())
                    ? new Running(judged.snapshot(), judged.verdicts(), true)
                    : judged);
  }

  /** Judges no more snapshots. */
  void stop() {
    executor.shutdownNow();
  }

  // On the worker's thread.
  private List<Verdict> judge(Snapshot snapshot) {
    long started = System.nanoTime();
    try {
      return judge.judge(snapshot);
    } finally {
      metrics.checked(Duration.ofNanos(System.nanoTime() - started));
    }
  }
}
