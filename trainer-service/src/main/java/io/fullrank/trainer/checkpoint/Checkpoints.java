package io.fullrank.trainer.checkpoint;

import io.fullrank.service.runtime.VitalTasks;
import io.fullrank.trainer.prometheus.TrainerMetrics;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes and deletes checkpoints on a thread of its own, one at a time: training hands over a copy
 * and goes on. A disk that does not take them is logged and counted, and has no other effect.
 * Without a folder there are no checkpoints.
 */
public final class Checkpoints implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(Checkpoints.class);
  private static final Duration CLOSE_LIMIT = Duration.ofSeconds(10);

  private final Optional<CheckpointFolder> folder;
  private final TrainerMetrics metrics;
  private final VitalTasks tasks = new VitalTasks("The writing of checkpoints");
  private final ExecutorService thread =
      Executors.newSingleThreadExecutor(task -> new Thread(task, "checkpoints"));

  /** Whether the last checkpoint could not be written; only the thread uses it. */
  private boolean failing;

  // Guarded by this.
  private RunCheckpoint held;
  private long ticket;
  private CompletableFuture<Void> settled = CompletableFuture.completedFuture(null);

  public Checkpoints(Optional<CheckpointFolder> folder, TrainerMetrics metrics) {
    this.folder = folder;
    this.metrics = metrics;
  }

  /** Returns whether there is a folder. */
  public boolean enabled() {
    return folder.isPresent();
  }

  /** Returns a run's checkpoints, newest first. */
  public List<CheckpointFile> of(String run) {
    try {
      return folder.isPresent() ? folder.get().of(run) : List.of();
    } catch (IOException failed) {
      failed("run %s: its checkpoints cannot be looked for".formatted(run), failed);
      return List.of();
    }
  }

  /** Returns whether no checkpoint is held or being written. */
  public synchronized boolean idle() {
    return settled.isDone();
  }

  /**
   * Holds a checkpoint until it is released. One that is still held is dropped: there is never more
   * than one, beside the one that is being written.
   *
   * @return what to release it by
   */
  public synchronized long hold(RunCheckpoint checkpoint) {
    held = checkpoint;
    settled = new CompletableFuture<>();
    ticket++;
    return ticket;
  }

  /** Writes a checkpoint, unless a newer one has taken its place. */
  public synchronized void release(long releasedTicket) {
    if (releasedTicket == ticket && held != null) {
      RunCheckpoint released = held;
      CompletableFuture<Void> whenSettled = settled;
      held = null;
      onThread(
          () -> {
            write(released);
            whenSettled.complete(null);
          });
    }
  }

  /** Waits, up to a limit, until the newest checkpoint is on the disk or could not be written. */
  public void await(Duration limit) throws InterruptedException {
    CompletableFuture<Void> newest;
    synchronized (this) {
      newest = settled;
    }
    try {
      newest.get(limit.toMillis(), TimeUnit.MILLISECONDS);
    } catch (TimeoutException late) {
      LOG.warn("the last checkpoint was not ready within {} s", limit.toSeconds());
    } catch (ExecutionException impossible) {
      throw new IllegalStateException(impossible);
    }
  }

  private void write(RunCheckpoint checkpoint) {
    long begin = System.nanoTime();
    try {
      long bytes = folder.orElseThrow().write(checkpoint);
      metrics.checkpointWritten(
          checkpoint.step(), bytes, Duration.ofNanos(System.nanoTime() - begin));
      failing = false;
    } catch (IOException | RuntimeException failed) {
      metrics.checkpointFailed();
      if (!failing) {
        LOG.warn(
            "fullrank.trainer.checkpoint-directory: no checkpoint of run {} at step {}, training goes on without until one succeeds: {}",
            checkpoint.header().getRun().getRun(),
            checkpoint.step(),
            failed.toString());
      }
      failing = true;
    }
  }

  /** Writes a checkpoint that stays when the run has ended, too. */
  public void keep(RunCheckpoint checkpoint) {
    String what =
        "run %s: the checkpoint of step %d that a rule asks for is not kept"
            .formatted(checkpoint.header().getRun().getRun(), checkpoint.step());
    folder.ifPresentOrElse(
        open ->
            thread.execute(
                () -> {
                  try {
                    LOG.info("{} is kept", open.keep(checkpoint).path());
                  } catch (IOException failed) {
                    failed(what, failed);
                  }
                }),
        () -> LOG.warn("{}: fullrank.trainer.checkpoint-directory is not set", what));
  }

  /** Puts a checkpoint under the attempt that goes on from it. */
  public void claim(CheckpointFile taken, long attempt) {
    onThread(
        () -> {
          try {
            taken.claim(attempt);
          } catch (IOException failed) {
            failed("run %s: its checkpoint keeps its old name".formatted(taken.run()), failed);
          }
        });
  }

  /** Deletes all checkpoints of a run; called from the threads of Kafka's clients. */
  public void delete(String run) {
    folder.ifPresent(
        open ->
            onThread(
                () -> {
                  try {
                    open.delete(run);
                  } catch (IOException failed) {
                    failed("run %s: its checkpoints are left over".formatted(run), failed);
                  }
                }));
  }

  private void onThread(Runnable task) {
    thread.execute(tasks.guard(task));
  }

  /** Returns whether checkpoints are written, as far as the disk takes them. */
  public boolean isAlive() {
    return tasks.isAlive();
  }

  private void failed(String what, IOException failure) {
    metrics.checkpointFailed();
    LOG.warn("{}: {}", what, failure.toString());
  }

  /** Finishes the writing and deleting that has begun. */
  @Override
  public void close() throws InterruptedException {
    thread.shutdown();
    if (!thread.awaitTermination(CLOSE_LIMIT.toMillis(), TimeUnit.MILLISECONDS)) {
      LOG.warn("a checkpoint was not written within {} s", CLOSE_LIMIT.toSeconds());
    }
  }
}
