package io.fullrank.trainer.run;

import io.fullrank.messaging.KafkaConnection;
import io.fullrank.messaging.KafkaLife;
import io.fullrank.messaging.KafkaLife.Pauses;
import io.fullrank.messaging.TopicCreation;
import io.fullrank.network.data.DataSet;
import io.fullrank.network.data.sample.DataSetException;
import io.fullrank.proto.Topic;
import io.fullrank.proto.v1.RunEvent;
import io.fullrank.proto.v1.RunRequest;
import io.fullrank.service.runtime.ServiceHealth;
import io.fullrank.trainer.checkpoint.CheckpointFolder;
import io.fullrank.trainer.checkpoint.Checkpoints;
import io.fullrank.trainer.configuration.TrainerSettings;
import io.fullrank.trainer.prometheus.TrainerMetrics;
import io.fullrank.trainer.publication.RunOutbox;
import io.fullrank.trainer.publication.WitnessVerdicts;
import io.fullrank.trainer.queue.QueuedRun;
import io.fullrank.trainer.queue.QueuedRun.Stop;
import io.fullrank.trainer.queue.RunQueue;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.clients.admin.Admin;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The way of a run through this service: {@link RunQueue} → {@link RunExecution} → {@link
 * RunOutbox}. One run is trained at a time, with as many native threads as the process may use;
 * more trainers train more runs.
 */
public final class Trainer implements AutoCloseable, ServiceHealth.Work {

  private static final Logger LOG = LoggerFactory.getLogger(Trainer.class);

  /** For outbox, queue and verdicts, each of which closes within fifteen seconds. */
  private static final Duration CLOSE_LIMIT = Duration.ofSeconds(45);

  /**
   * How many attempts of a run may die in a row without progress: more than would by chance, if
   * processes are killed now and then.
   */
  static final int MOST_DEATHS = 8;

  private final KafkaConnection kafka;
  private final TrainerSettings settings;
  private final TrainingData data;
  private final TrainerMetrics metrics;
  private final KafkaLife life;
  private volatile Optional<Parts> parts = Optional.empty();

  /** What there is while the broker has been reached. */
  private record Parts(
      RunQueue queue, RunOutbox outbox, WitnessVerdicts verdicts, Checkpoints checkpoints) {

    boolean areAlive() {
      return queue.isAlive() && outbox.isAlive() && verdicts.isAlive() && checkpoints.isAlive();
    }
  }

  public Trainer(
      KafkaConnection kafka, TrainerSettings settings, TrainingData data, TrainerMetrics metrics) {
    this.kafka = kafka;
    this.settings = settings;
    this.data = data;
    this.metrics = metrics;
    this.life =
        new KafkaLife(
            "trainer",
            "Waiting for Kafka at " + kafka,
            new Pauses(Duration.ofMillis(250), Duration.ofSeconds(2)),
            new Serving());
  }

  /** Begins to wait for the broker, and then for runs. */
  public void start() {
    life.start();
  }

  /** Returns whether runs can come: the broker is there and the group joined. */
  @Override
  public boolean hasJoined() {
    return parts.filter(open -> open.queue().joined()).isPresent();
  }

  /** Returns what the trainer waits for before runs can come, in words; empty if for nothing. */
  @Override
  public Optional<String> waitsFor() {
    return parts.map(open -> open.queue().waitsFor()).orElseGet(life::waitsFor);
  }

  /**
   * Returns whether all threads live that the trainer cannot do without: one that has died does not
   * come back.
   */
  @Override
  public boolean isAlive() {
    return life.isAlive() && parts.map(Parts::areAlive).orElse(true);
  }

  /**
   * Gives up the run in training, writes its checkpoint, and stops; another trainer, or this one's
   * next start, goes on from there.
   */
  @Override
  public void close() throws InterruptedException {
    life.stop(settings.stopTimeout().plus(CLOSE_LIMIT));
  }

  /** The broker may come up after the trainer, and may refuse it for a while. */
  private final class Serving implements KafkaLife.Work {

    @Override
    public void attempt(KafkaLife serving) throws InterruptedException {
      serving.waitFor("the topics of the wire contract");
      ensureTopics();
      serving.waitFor("the ends of " + Topic.VERDICTS.name());
      serveRuns();
    }

    @Override
    public void wakeUp() {
      parts.ifPresent(open -> open.queue().giveUp());
    }
  }

  private void serveRuns() throws InterruptedException {
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
        RunOutbox outbox =
            new RunOutbox(
                kafka.producer(settings.name() + "-outbox", RunOutbox.producerOverrides()),
                settings.queueBytes())) {
      metrics.watch(outbox, runs);
      parts = Optional.of(new Parts(runs, outbox, verdicts, checkpoints));
      // Whoever stops a trainer that has joined tells the queue to give up.
      if (life.joined()) {
        for (Optional<QueuedRun> next = runs.take(); next.isPresent(); next = runs.take()) {
          train(next.get(), runs, outbox, verdicts, checkpoints);
        }
      }
    } finally {
      // It is closed; the next attempt opens another one.
      parts = Optional.empty();
    }
  }

  private void train(
      QueuedRun run,
      RunQueue runs,
      RunOutbox outbox,
      WitnessVerdicts verdicts,
      Checkpoints checkpoints)
      throws InterruptedException {
    RunRequest request = run.request();
    if (!run.begin()) {
      return;
    }
    Attempt attempt = Attempt.now(checkpoints.of(request.getRun()));
    try {
      Optional<RunQueue.Begun> begun = runs.begin(run, attempt.number(), attempt.furthestStep());
      if (begun.isEmpty()) {
        LOG.info("run {}: not begun, given up before", request.getRun());
        return;
      }
      attempt = attempt.numbered(begun.get().number());
      int deaths = begun.get().deaths();
      Optional<RunEvent> end = endBeforeTraining(run, attempt, begun.get());
      if (end.isPresent()) {
        outbox.event(
            end.get(),
            () -> {
              checkpoints.delete(request.getRun());
              runs.settle(run);
            });
        return;
      }
      DataSet loaded = data.load(request.getSpec().getDataSet());
      requireMemory(request, loaded);
      RunExecution execution =
          new RunExecution(
              run, attempt, deaths > 0, loaded, settings, outbox, verdicts, checkpoints, metrics);
      LOG.info("run {}: training", request.getRun());
      execution.execute(() -> runs.settle(run));
      LOG.info("run {}: {}", request.getRun(), run.stop() == Stop.GIVEN_UP ? "given up" : "done");
    } catch (DataSetException | IllegalArgumentException unusable) {
      LOG.error("run {}: {}", request.getRun(), unusable.getMessage());
      outbox.event(
          RunExecution.failed(request, attempt, unusable.getMessage()), () -> runs.settle(run));
    } finally {
      runs.stopped(run);
      run.end();
      metrics.runEnded();
    }
  }

  private static Optional<RunEvent> endBeforeTraining(
      QueuedRun run, Attempt attempt, RunQueue.Begun begun) {
    RunRequest request = run.request();
    if (run.stop() == Stop.CANCELLED) {
      LOG.info("run {}: cancelled before it began again", request.getRun());
      // Readers keep what the attempt that they know has told.
      Attempt known = begun.before() == 0 ? attempt : attempt.numbered(begun.before());
      return Optional.of(RunExecution.cancelled(request, known));
    }
    if (begun.deaths() >= MOST_DEATHS) {
      // The others go on. Whoever has mended the cause submits the experiment again.
      String reason =
          "%d attempts one after the other ended with the trainer's process, and none got further than the one before it; the log and the exit status of the trainer say why, mostly too little memory"
              .formatted(begun.deaths());
      LOG.error("run {}: {}", request.getRun(), reason);
      return Optional.of(RunExecution.failed(request, attempt, reason));
    }
    return Optional.empty();
  }

  // What was accepted by a trainer with more memory may come to one with less.
  private void requireMemory(RunRequest request, DataSet loaded) {
    Optional<String> refusal =
        MemoryLimits.of(settings).refusal(request.getSpec(), request.getVariant(), loaded);
    if (refusal.isPresent()) {
      throw new IllegalArgumentException(refusal.get());
    }
  }

  private void ensureTopics() throws InterruptedException {
    List<Topic> topics = new ArrayList<>(Topic.ALL);
    Topic.ALL.forEach(topic -> topics.add(topic.deadLetters()));
    Admin admin = kafka.admin(settings.name() + "-topics");
    try {
      TopicCreation.ensure(admin, topics);
    } finally {
      // Without a limit it would wait for answers of a broker that is not there.
      admin.close(Duration.ZERO);
    }
  }
}
