package io.fullrank.trainer.run;

import io.fullrank.messaging.KafkaConnection;
import io.fullrank.messaging.KafkaUnavailableException;
import io.fullrank.messaging.Refusals;
import io.fullrank.messaging.TopicCreation;
import io.fullrank.messaging.Wait;
import io.fullrank.network.data.DataSet;
import io.fullrank.network.data.sample.DataSetException;
import io.fullrank.proto.Topic;
import io.fullrank.proto.v1.RunRequest;
import io.fullrank.trainer.checkpoint.CheckpointFolder;
import io.fullrank.trainer.checkpoint.Checkpoints;
import io.fullrank.trainer.configuration.TrainerSettings;
import io.fullrank.trainer.prometheus.TrainerMetrics;
import io.fullrank.trainer.publication.Outbox;
import io.fullrank.trainer.publication.WitnessVerdicts;
import io.fullrank.trainer.queue.QueuedRun;
import io.fullrank.trainer.queue.QueuedRun.Stop;
import io.fullrank.trainer.queue.RunQueue;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.InterruptException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The way of a run through this service: {@link RunQueue} → {@link RunExecution} → {@link Outbox}.
 * One run is trained at a time, with as many native threads as the process may use; more trainers
 * train more runs.
 */
public final class Trainer implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(Trainer.class);
  private static final Duration RETRY = Duration.ofSeconds(2);

  private final KafkaConnection kafka;
  private final TrainerSettings settings;
  private final TrainingData data;
  private final TrainerMetrics metrics;
  private final Wait wait = new Wait("the start of its loop");
  private final CountDownLatch closing = new CountDownLatch(1);
  private final Thread thread;
  private volatile RunQueue queue;

  public Trainer(
      KafkaConnection kafka, TrainerSettings settings, TrainingData data, TrainerMetrics metrics) {
    this.kafka = kafka;
    this.settings = settings;
    this.data = data;
    this.metrics = metrics;
    this.thread = new Thread(this::serve, "trainer");
    thread.start();
  }

  /** Returns whether runs can come: the broker is there and the group joined. */
  public boolean ready() {
    RunQueue joined = queue;
    return joined != null && joined.joined();
  }

  /** Returns what the trainer waits for before runs can come, in words; empty if nothing. */
  public Optional<String> waitsFor() {
    return ready() ? Optional.empty() : wait.words();
  }

  /**
   * Returns whether the threads live that it cannot do without: one that has died does not come
   * back.
   */
  public boolean isAlive() {
    RunQueue open = queue;
    return thread.isAlive() && (open == null || open.isAlive());
  }

  /**
   * Gives up the run in training, writes its checkpoint, and stops; another trainer, or this one's
   * next start, goes on from there.
   */
  @Override
  public void close() throws InterruptedException {
    closing.countDown();
    RunQueue open = queue;
    if (open != null) {
      open.giveUp();
    } else {
      // No run has begun, but the broker may be waited for.
      thread.interrupt();
    }
    thread.join();
  }

  private void serve() {
    try {
      while (awaitTopics()) {
        try {
          serveRuns();
          return;
        } catch (InterruptException stopped) {
          throw stopped;
        } catch (KafkaException refused) {
          LOG.error("Kafka refuses this trainer, trying again: {}", Refusals.reason(refused));
          wait.on("the next attempt, because of: " + Refusals.reason(refused));
        }
        if (closing.await(RETRY.toMillis(), TimeUnit.MILLISECONDS)) {
          return;
        }
      }
    } catch (InterruptedException | InterruptException stopped) {
      Thread.currentThread().interrupt();
    }
  }

  private void serveRuns() throws InterruptedException {
    wait.on("the ends of " + Topic.VERDICTS.name());
    try (WitnessVerdicts verdicts =
            new WitnessVerdicts(kafka, settings.name() + "-witness-verdicts");
        Checkpoints checkpoints =
            new Checkpoints(settings.checkpointDirectory().map(CheckpointFolder::new), metrics);
        RunQueue runs =
            new RunQueue(
                kafka,
                settings.name() + "-run-queue",
                settings.group(),
                settings.stopTimeout(),
                kafka.producer(settings.name() + "-dead-letters", Map.of()),
                checkpoints::delete);
        // Closed first: a run is given back when the broker has what this trainer said of it.
        Outbox outbox =
            new Outbox(
                kafka.producer(settings.name() + "-outbox", Outbox.producerOverrides()),
                settings.queueBytes())) {
      metrics.watch(outbox, runs);
      wait.on("its share of the partitions, from group " + settings.group());
      queue = runs;
      // Who closed the trainer before has not seen the queue, and so not told it to give up.
      while (closing.getCount() > 0) {
        Optional<QueuedRun> next = runs.take();
        if (next.isEmpty()) {
          return;
        }
        train(next.get(), runs, outbox, verdicts, checkpoints);
      }
    } finally {
      // Closed: what comes now is waiting for the broker again.
      queue = null;
    }
  }

  private void train(
      QueuedRun run,
      RunQueue runs,
      Outbox outbox,
      WitnessVerdicts verdicts,
      Checkpoints checkpoints)
      throws InterruptedException {
    RunRequest request = run.request();
    if (!run.begin()) {
      return;
    }
    try {
      DataSet loaded = data.load(request.getSpec().getDataSet());
      RunExecution execution =
          new RunExecution(run, loaded, settings, outbox, verdicts, checkpoints, metrics);
      LOG.info("run {}: training", request.getRun());
      execution.execute(() -> runs.settle(run));
      LOG.info("run {}: {}", request.getRun(), run.stop() == Stop.GIVEN_UP ? "given up" : "done");
    } catch (DataSetException | IllegalArgumentException unusable) {
      LOG.error("run {}: {}", request.getRun(), unusable.getMessage());
      outbox.event(RunExecution.failed(request, unusable.getMessage()), () -> runs.settle(run));
    } finally {
      run.end();
      metrics.runEnded();
    }
  }

  // The broker may come up after its clients: wait for it.
  private boolean awaitTopics() throws InterruptedException {
    List<Topic> topics = new ArrayList<>(Topic.ALL);
    Topic.ALL.forEach(topic -> topics.add(topic.deadLetters()));
    Class<?> outage = null;
    wait.on("the topics of the wire contract");
    do {
      try {
        ensure(topics);
        return true;
      } catch (KafkaUnavailableException | KafkaException unavailable) {
        // Once for each kind of failure: messages hold times and counts.
        if (!unavailable.getClass().equals(outage)) {
          LOG.warn("waiting for Kafka at {}: {}", kafka, Refusals.reason(unavailable));
        }
        outage = unavailable.getClass();
      }
    } while (!closing.await(RETRY.toMillis(), TimeUnit.MILLISECONDS));
    return false;
  }

  private void ensure(List<Topic> topics) throws InterruptedException {
    Admin admin = kafka.admin(settings.name() + "-topics");
    try {
      TopicCreation.ensure(admin, topics);
    } finally {
      // Not to wait for answers of a broker that is not there.
      admin.close(Duration.ZERO);
    }
  }
}
