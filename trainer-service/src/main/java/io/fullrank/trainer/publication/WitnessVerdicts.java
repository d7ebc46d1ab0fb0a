package io.fullrank.trainer.publication;

import com.google.protobuf.InvalidProtocolBufferException;
import io.fullrank.messaging.KafkaConnection;
import io.fullrank.messaging.KafkaLife;
import io.fullrank.messaging.KafkaLife.Pauses;
import io.fullrank.messaging.TopicPartitions;
import io.fullrank.network.experiment.ChosenChecks;
import io.fullrank.proto.SnapshotId;
import io.fullrank.proto.Topic;
import io.fullrank.proto.v1.CheckRecord;
import io.fullrank.proto.v1.SnapshotSkipped;
import io.fullrank.proto.v1.Verdict;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Reads new verdicts and hands each to the run that waits for it, or follows them all. */
public final class WitnessVerdicts implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(WitnessVerdicts.class);
  private static final Duration POLL = Duration.ofSeconds(1);
  private static final Duration CLOSE_LIMIT = Duration.ofSeconds(5);

  private final Map<SnapshotId, CompletableFuture<Optional<Verdict>>> awaited =
      new ConcurrentHashMap<>();
  private final Map<String, Followed> followed = new ConcurrentHashMap<>();
  private final KafkaConsumer<String, byte[]> consumer;
  private final KafkaLife life;

  /**
   * Starts reading at the end of the topic, which must exist: no run of this trainer waits for
   * anything older.
   */
  public WitnessVerdicts(KafkaConnection kafka, String clientId) {
    consumer = kafka.consumer(clientId, Map.of(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "latest"));
    boolean positioned = false;
    try {
      List<TopicPartition> partitions = TopicPartitions.of(consumer, Topic.VERDICTS.name());
      consumer.assign(partitions);
      consumer.seekToEnd(partitions);
      // Asking for the positions settles them now, before any run starts.
      partitions.forEach(consumer::position);
      positioned = true;
    } finally {
      if (!positioned) {
        consumer.close(CloseOptions.timeout(Duration.ZERO));
      }
    }
    life =
        new KafkaLife(
            "witness-verdicts",
            "Verdicts cannot be read, trying again",
            new Pauses(Duration.ofMillis(250), Duration.ofSeconds(5)),
            new Reading());
    life.start();
  }

  /** The verdicts on one attempt's snapshots that have come and were not taken yet. */
  private record Followed(long attempt, Queue<Verdict> come) {}

  /** Begins to keep all verdicts on the snapshots of an attempt, until {@link #leave}. */
  public void follow(String run, long attempt) {
    followed.put(run, new Followed(attempt, new ConcurrentLinkedQueue<>()));
  }

  /** Returns what has come of a run that is followed since this was last asked, in its order. */
  public List<Verdict> take(String run) {
    Queue<Verdict> come = followed.get(run).come();
    List<Verdict> taken = new ArrayList<>();
    for (Verdict next = come.poll(); next != null; next = come.poll()) {
      taken.add(next);
    }
    return taken;
  }

  /** Keeps verdicts on a run no longer, if it did. */
  public void leave(String run) {
    followed.remove(run);
  }

  /**
   * Returns what becomes the verdict on a snapshot; to be asked for before the snapshot is
   * published.
   */
  public Future<Optional<Verdict>> expect(SnapshotId snapshot) {
    return awaited.computeIfAbsent(snapshot, any -> new CompletableFuture<>());
  }

  /** Lets the run that waits for the verdict on a snapshot wait no longer. */
  public void giveUp(SnapshotId snapshot) {
    complete(snapshot, Optional.empty());
  }

  /**
   * Waits, up to a limit, for a verdict that was expected. Returns empty at once if the checker
   * says that there will be none.
   */
  public Optional<Verdict> await(
      SnapshotId snapshot, Future<Optional<Verdict>> expected, Duration limit) {
    try {
      return expected.get(limit.toMillis(), TimeUnit.MILLISECONDS);
    } catch (TimeoutException late) {
      return Optional.empty();
    } catch (InterruptedException stopped) {
      Thread.currentThread().interrupt();
      return Optional.empty();
    } catch (ExecutionException impossible) {
      throw new IllegalStateException(impossible);
    } finally {
      awaited.remove(snapshot);
    }
  }

  @Override
  public void close() throws InterruptedException {
    life.stop(CLOSE_LIMIT);
  }

  /** Returns whether the thread that reads lives. */
  public boolean isAlive() {
    return life.isAlive();
  }

  /** Polls for as long as the consumer lives, which outlasts failures. */
  private final class Reading implements KafkaLife.Work {

    @Override
    public void attempt(KafkaLife reading) {
      while (!reading.isStopping()) {
        consumer.poll(POLL).forEach(WitnessVerdicts.this::deliver);
        reading.joined();
      }
    }

    @Override
    public void wakeUp() {
      consumer.wakeup();
    }

    @Override
    public void end() {
      consumer.close(CloseOptions.timeout(CLOSE_LIMIT));
    }
  }

  private void deliver(ConsumerRecord<String, byte[]> received) {
    try {
      CheckRecord record = CheckRecord.parseFrom(received.value());
      if (record.hasVerdict()) {
        Verdict verdict = record.getVerdict();
        Followed run = followed.get(verdict.getRun());
        if (run != null && run.attempt() == verdict.getAttempt()) {
          run.come().add(verdict);
        }
        // Others judge the same snapshot, and phase 2 rests on this one.
        if (verdict.getCheck().equals(ChosenChecks.EXPRESSIVITY)) {
          complete(
              new SnapshotId(verdict.getRun(), verdict.getAttempt(), verdict.getStep()),
              Optional.of(verdict));
        }
      } else {
        SnapshotSkipped skipped = record.getSkipped();
        complete(
            new SnapshotId(skipped.getRun(), skipped.getAttempt(), skipped.getStep()),
            Optional.empty());
      }
    } catch (InvalidProtocolBufferException malformed) {
      // The metrics service, which reads every record, puts it among the dead letters.
      LOG.warn(
          "{}-{} offset {} is no verdict: {}",
          received.topic(),
          received.partition(),
          received.offset(),
          malformed.getMessage());
    }
  }

  private void complete(SnapshotId snapshot, Optional<Verdict> verdict) {
    CompletableFuture<Optional<Verdict>> waiting = awaited.get(snapshot);
    if (waiting != null) {
      waiting.complete(verdict);
    }
  }
}
