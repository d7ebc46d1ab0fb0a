package io.fullrank.trainer.ingest;

import io.fullrank.service.runtime.VitalTasks;
import io.fullrank.trainer.configuration.IngestSettings;
import io.fullrank.trainer.prometheus.IngestMetrics;
import io.fullrank.trainer.queue.AcceptedRuns;
import java.util.concurrent.Executor;
import java.util.concurrent.ScheduledExecutorService;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What all streams share while Kafka can be reached.
 *
 * @param settings what is accepted
 * @param worker the one thread on which all streams work
 * @param lookups runs what waits for Kafka
 * @param accepted the registered runs
 * @param outlet where records are written
 * @param memory for snapshots
 * @param watch tells of verdicts and cancellations
 * @param writers which stream writes for which run
 * @param metrics counts
 * @param tasks those of the worker and of the sender
 */
record IngestSession(
    IngestSettings settings,
    ScheduledExecutorService worker,
    Executor lookups,
    AcceptedRuns accepted,
    RecordOutlet outlet,
    SnapshotMemory memory,
    RunWatch watch,
    Writers writers,
    IngestMetrics metrics,
    VitalTasks tasks) {

  private static final Logger LOG = LoggerFactory.getLogger(IngestSession.class);

  /** Runs a task on the worker, after all that were given before. */
  void onWorker(Runnable task) {
    worker.execute(
        tasks.guard(
            () -> {
              try {
                task.run();
              } catch (RuntimeException failed) {
                LOG.error("A report of an external run failed", failed);
              }
            }));
  }
}
