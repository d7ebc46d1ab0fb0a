package io.fullrank.metrics.query;

import com.google.protobuf.Timestamp;
import com.google.protobuf.util.Timestamps;
import io.fullrank.messaging.KafkaConnection;
import io.fullrank.metrics.prometheus.CatchUp;
import io.fullrank.metrics.query.RunQueries.ExperimentState;
import io.fullrank.metrics.store.RunHistory;
import io.fullrank.proto.Topic;
import io.fullrank.proto.v1.RunCount;
import io.fullrank.proto.v1.RunState;
import io.fullrank.service.runtime.VitalTasks;
import io.grpc.Context;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.jboss.logging.Logger;

/**
 * Removes experiments by deleting the requests of their runs from Kafka in one transaction: every
 * instance that reads the deletions drops what it holds of the runs. Also removes experiments that
 * ended so long ago that they need not be kept any more.
 */
public final class ExperimentRemoval {

  private static final Logger LOG = Logger.getLogger(ExperimentRemoval.class);
  private static final int NAMES_IN_ERRORS = 5;
  private static final int WRITE_LIMIT_MILLIS = 5000;
  // The longest wait for a caller without a deadline. Each step of a run's history is removed from
  // store and changelog, which takes its time.
  private static final long LIMIT_NANOS = TimeUnit.SECONDS.toNanos(60);
  private static final long PAUSE_MILLIS = 20;
  private static final Duration SWEEP_INTERVAL = Duration.ofSeconds(10);

  private final KafkaConnection kafka;
  private final RunQueries queries;
  private final CatchUp catchUp;
  private final InstantSource clock;

  public ExperimentRemoval(
      KafkaConnection kafka, RunQueries queries, CatchUp catchUp, InstantSource clock) {
    this.kafka = kafka;
    this.queries = queries;
    this.catchUp = catchUp;
    this.clock = clock;
  }

  /**
   * Removes an experiment, and returns once no instance shows any of its runs.
   *
   * @return how many runs it had, 0 if there is no such experiment
   * @throws StatusRuntimeException FAILED_PRECONDITION naming runs that have not ended; UNAVAILABLE
   *     if Kafka or an instance does not answer
   */
  public int remove(String experiment) {
    Map<String, RunState> states = new LinkedHashMap<>();
    queries
        .experiment(experiment)
        .forEach(run -> states.put(run.getRequest().getRun(), run.getState()));
    List<String> active =
        states.keySet().stream().filter(run -> !RunHistory.hasEnded(states.get(run))).toList();
    if (!active.isEmpty()) {
      throw Status.FAILED_PRECONDITION
          .withDescription(
              "experiment: %d of its runs have not ended, cancel them first: %s%s"
                  .formatted(
                      active.size(),
                      active.stream().limit(NAMES_IN_ERRORS).collect(Collectors.joining(", ")),
                      active.size() > NAMES_IN_ERRORS ? ", ..." : ""))
          .asRuntimeException();
    }
    if (!states.isEmpty()) {
      List<String> names = List.copyOf(states.keySet());
      deleteRequests(names);
      awaitRemoval(experiment, names);
      LOG.infof("Experiment %s was deleted with its %d runs", experiment, names.size());
    }
    return states.size();
  }

  /** From now on, removes each experiment once its end is longer ago than {@code retention}. */
  public void sweep(Duration retention, ScheduledExecutorService executor, VitalTasks tasks) {
    var unused =
        executor.scheduleWithFixedDelay(
            tasks.guard(() -> removeExpired(retention)),
            SWEEP_INTERVAL.toSeconds(),
            SWEEP_INTERVAL.toSeconds(),
            TimeUnit.SECONDS);
  }

  /**
   * Removes the experiments whose runs have all ended, the last of them longer ago than {@code
   * retention}.
   */
  void removeExpired(Duration retention) {
    if (!catchUp.isDone()) {
      return;
    }
    try {
      Instant limit = clock.instant().minus(retention);
      for (ExperimentState experiment : queries.experiments()) {
        boolean ended =
            experiment.figures().getRunsList().stream()
                .map(RunCount::getState)
                .allMatch(RunHistory::hasEnded);
        Optional<Timestamp> last = experiment.lastEnd();
        if (ended && last.isPresent() && instant(last.get()).isBefore(limit)) {
          // Another instance may do the same now, which does no harm.
          remove(experiment.first().getExperiment());
        }
      }
    } catch (StatusRuntimeException refused) {
      LOG.warnf("Expired experiments stay for now: %s", refused.getMessage());
    } catch (RuntimeException failed) {
      // If it were thrown, the executor would not sweep again.
      LOG.warn("Expired experiments stay for now", failed);
    }
  }

  private void deleteRequests(List<String> runs) {
    try (KafkaProducer<String, byte[]> producer =
        kafka.producer(
            "fullrank-metrics-removal",
            Map.of(
                ProducerConfig.TRANSACTIONAL_ID_CONFIG,
                "fullrank-metrics-removal-" + UUID.randomUUID(),
                ProducerConfig.MAX_BLOCK_MS_CONFIG,
                (long) WRITE_LIMIT_MILLIS,
                ProducerConfig.DELIVERY_TIMEOUT_MS_CONFIG,
                WRITE_LIMIT_MILLIS,
                ProducerConfig.REQUEST_TIMEOUT_MS_CONFIG,
                WRITE_LIMIT_MILLIS / 2))) {
      producer.initTransactions();
      producer.beginTransaction();
      for (String run : runs) {
        var unused = producer.send(new ProducerRecord<>(Topic.EXPERIMENTS.name(), run, null));
      }
      producer.commitTransaction();
    } catch (KafkaException failed) {
      throw Status.UNAVAILABLE
          .withDescription("the deletion could not be written to Kafka: " + failed.getMessage())
          .withCause(failed)
          .asRuntimeException();
    }
  }

  private void awaitRemoval(String experiment, List<String> runs) {
    long begun = System.nanoTime();
    while (!queries.runs(runs).values().isEmpty()) {
      if (Context.current().isCancelled() || System.nanoTime() - begun > LIMIT_NANOS) {
        throw Status.UNAVAILABLE
            .withDescription(
                "experiment: the deletion of %s is written, but not done everywhere yet"
                    .formatted(experiment))
            .asRuntimeException();
      }
      try {
        Thread.sleep(PAUSE_MILLIS);
      } catch (InterruptedException interrupted) {
        Thread.currentThread().interrupt();
        throw Status.CANCELLED.withCause(interrupted).asRuntimeException();
      }
    }
  }

  // One that states an end out of range must not keep the others from being removed.
  private static Instant instant(Timestamp at) {
    return Timestamps.isValid(at) ? Instant.ofEpochMilli(Timestamps.toMillis(at)) : Instant.MAX;
  }
}
