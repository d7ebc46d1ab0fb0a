package io.fullrank.checker.loop;

import io.fullrank.checker.check.SnapshotCheck;
import io.fullrank.checker.intake.PendingSnapshot;
import io.fullrank.checker.prometheus.CheckerMetrics;
import io.fullrank.checker.verdict.Verdicts;
import io.fullrank.proto.SnapshotId;
import io.fullrank.proto.v1.Snapshot;
import io.fullrank.proto.v1.Verdict;
import java.time.Duration;
import java.util.Collection;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Runs checks on a thread of its own, one at a time. Its methods are for a single thread. */
final class CheckWorker {

  private static final Logger LOG = LoggerFactory.getLogger(CheckWorker.class);

  /**
   * A check that has ended.
   *
   * @param snapshot what was checked
   */
  record Checked(PendingSnapshot snapshot, Verdict verdict) {}

  /**
   * The check that the worker is at.
   *
   * @param abandoned whether the partition is not this checker's any more, so that the verdict must
   *     not be published
   */
  private record Running(
      PendingSnapshot snapshot, CompletableFuture<Verdict> verdict, boolean abandoned) {}

  private final SnapshotCheck check;
  private final String checker;
  private final CheckerMetrics metrics;
  private final ExecutorService executor;
  private Optional<Running> running = Optional.empty();

  /**
   * Creates a worker that is idle.
   *
   * @param checker the checker's name, for verdicts
   */
  CheckWorker(SnapshotCheck check, String checker, CheckerMetrics metrics) {
    this.check = check;
    this.checker = checker;
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

  /** Returns whether there is no check. */
  boolean isIdle() {
    return running.isEmpty();
  }

  /** Returns whether there is a check whose verdict is wanted. */
  boolean isWanted() {
    return running.filter(check -> !check.abandoned()).isPresent();
  }

  /** Returns the bytes of the snapshot that is being checked. */
  long bytes() {
    return running.map(check -> check.snapshot().bytes()).orElse(0L);
  }

  /** Begins to check a snapshot; the worker must be idle. */
  void begin(PendingSnapshot next) {
    running =
        Optional.of(
            new Running(
                next,
                CompletableFuture.supplyAsync(() -> judge(next.snapshot()), executor),
                false));
  }

  /** Removes and returns the check if it has ended and its verdict is wanted. */
  Optional<Checked> takeFinished() {
    Optional<Running> finished = running.filter(check -> check.verdict().isDone());
    if (finished.isPresent()) {
      running = Optional.empty();
    }
    return finished
        .filter(check -> !check.abandoned())
        .map(check -> new Checked(check.snapshot(), check.verdict().join()));
  }

  /** Says that no verdict on a snapshot of some partitions is wanted any more. */
  void abandon(Collection<Integer> partitions) {
    running =
        running.map(
            check ->
                partitions.contains(check.snapshot().partition())
                    ? new Running(check.snapshot(), check.verdict(), true)
                    : check);
  }

  /** Begins no more checks. */
  void stop() {
    executor.shutdownNow();
  }

  // On the worker's thread.
  private Verdict judge(Snapshot snapshot) {
    long started = System.nanoTime();
    try {
      return check.check(snapshot);
    } catch (RuntimeException | OutOfMemoryError failed) {
      LOG.error("The check of {} failed", SnapshotId.of(snapshot), failed);
      return Verdicts.undetermined(snapshot, checker, "the check failed: %s".formatted(failed));
    } finally {
      metrics.checked(Duration.ofNanos(System.nanoTime() - started));
    }
  }
}
