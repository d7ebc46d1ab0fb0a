package io.fullrank.checker.loop;

import io.fullrank.checker.configuration.CheckLoopSettings;
import io.fullrank.checker.intake.AssignedPartitions;
import io.fullrank.checker.intake.PendingSnapshot;
import io.fullrank.checker.judgement.SnapshotJudge;
import io.fullrank.checker.prometheus.CheckerMetrics;
import io.fullrank.checker.verdict.VerdictOutbox;
import io.fullrank.checker.verdict.VerdictPublication;
import io.fullrank.messaging.FailedAttemptException;
import io.fullrank.messaging.KafkaConnection;
import io.fullrank.messaging.KafkaLife;
import io.fullrank.messaging.KafkaLife.Pauses;
import io.fullrank.messaging.KafkaUnavailableException;
import io.fullrank.messaging.TopicCreation;
import io.fullrank.proto.Topic;
import io.fullrank.service.runtime.ServiceHealth;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.FencedInstanceIdException;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads snapshots, has them judged, and publishes the verdicts on each in the transaction that
 * commits what was consumed for it. So every snapshot is settled exactly once for readers of
 * committed records, whenever the process dies.
 *
 * <p>The thread of a {@link KafkaLife} owns the consumer and the producer and runs this loop; a
 * {@link CheckWorker} runs the checks, one at a time. While a check runs the loop goes on polling,
 * so a long check does not cost the membership in the group; when memory is full it pauses its
 * partitions.
 *
 * <p>There is one way to recover, whatever went wrong with Kafka: forget everything, close both
 * clients, and begin again at the committed offsets with new ones. The new producer has the old
 * one's transactional id, which aborts what that left open; the new consumer has the old one's
 * group instance id, so the group does not rebalance.
 */
public final class CheckLoop implements ServiceHealth.Work {

  private static final Logger LOG = LoggerFactory.getLogger(CheckLoop.class);

  private static final Duration POLL_IDLE = Duration.ofMillis(200);
  // How long a finished check may wait for its publication.
  private static final Duration POLL_BUSY = Duration.ofMillis(20);
  private static final Pauses PAUSES = new Pauses(Duration.ofMillis(250), Duration.ofSeconds(10));
  // When the loop stops: for the check that runs, and then for the clients to close.
  private static final Duration DRAIN_LIMIT = Duration.ofSeconds(10);
  private static final Duration CLOSE_LIMIT = Duration.ofSeconds(10);

  private final CheckLoopSettings settings;
  private final KafkaConnection kafka;
  private final CheckerMetrics metrics;
  private final KafkaLife life;

  // Only the loop's thread uses these.
  private final VerdictOutbox outbox = new VerdictOutbox();
  private final AssignedPartitions partitions;
  private final CheckWorker worker;

  public CheckLoop(
      CheckLoopSettings settings,
      KafkaConnection kafka,
      SnapshotJudge judge,
      CheckerMetrics metrics) {
    this.settings = settings;
    this.kafka = kafka;
    this.metrics = metrics;
    this.partitions = new AssignedPartitions(settings, outbox);
    this.worker = new CheckWorker(judge, metrics);
    this.life =
        new KafkaLife(
            "check-loop", "Will begin again at the committed offsets", PAUSES, this::attempt);
  }

  public void start() {
    LOG.info("Connects to Kafka at {}, named {}", kafka, settings.name());
    life.start();
  }

  /** Returns whether the group has assigned this checker its share of the partitions. */
  @Override
  public boolean hasJoined() {
    return life.hasJoined();
  }

  /** Returns what the loop waits for before it can read, in words; empty if for nothing. */
  @Override
  public Optional<String> waitsFor() {
    return life.waitsFor();
  }

  /** Returns whether the loop's thread runs. */
  @Override
  public boolean isAlive() {
    return life.isAlive();
  }

  /**
   * Stops: waits a while for the check that runs and publishes its verdict, else leaves the
   * snapshot to the checker that gets the partition. Returns within a bounded time.
   */
  public void stop() throws InterruptedException {
    life.stop(DRAIN_LIMIT.plus(CLOSE_LIMIT));
    worker.stop();
  }

  private void attempt(KafkaLife attempting) throws InterruptedException {
    try (SnapshotConsumer snapshots = new SnapshotConsumer(kafka, settings, life::isStopping);
        VerdictPublication publication = new VerdictPublication(kafka, settings.name())) {
      connect(snapshots, publication);
      consume(snapshots, publication);
    } catch (FencedInstanceIdException fenced) {
      throw new FailedAttemptException(
          "Another checker has the name %s: give each its own fullrank.checker.name"
              .formatted(settings.name()),
          fenced);
    } catch (ProducerFencedException fenced) {
      // Of these the first passes; if it is the second, the group says so, too.
      throw new KafkaException(
          "a transaction of %s took longer than the broker waits, or another checker has that name"
              .formatted(settings.name()),
          fenced);
    } catch (KafkaException | KafkaUnavailableException failed) {
      throw failed;
    } catch (RuntimeException fault) {
      LOG.error("The check loop failed", fault);
      throw new FailedAttemptException(
          "Will begin again at the committed offsets after: " + fault, fault);
    } finally {
      forget(List.copyOf(partitions.numbers()));
    }
  }

  private void connect(SnapshotConsumer snapshots, VerdictPublication publication)
      throws InterruptedException {
    life.waitFor("the topics of snapshots and verdicts");
    Admin admin = kafka.admin(settings.name());
    try {
      TopicCreation.ensure(
          admin, List.of(Topic.SNAPSHOTS, Topic.SNAPSHOTS.deadLetters(), Topic.VERDICTS));
    } finally {
      // Without a limit it would wait for answers of a broker that is not there.
      admin.close(Duration.ZERO);
    }
    life.waitFor("the end of what it may have left of transactions, as " + settings.name());
    publication.begin();
    life.waitFor("its share of the partitions, from group " + settings.group());
    snapshots.subscribe(new Assignment(snapshots));
  }

  private void consume(SnapshotConsumer snapshots, VerdictPublication publication) {
    long drainedBy = Long.MAX_VALUE;
    while (true) {
      partitions.accept(snapshots.poll(worker.isIdle() ? POLL_IDLE : POLL_BUSY));
      takeFinishedCheck();
      if (!life.isStopping()) {
        startNextCheck();
      }
      limitMemory(snapshots);
      boolean published = publish(snapshots, publication);
      showGauges(snapshots);
      if (life.isStopping()) {
        drainedBy = Math.min(drainedBy, System.nanoTime() + DRAIN_LIMIT.toNanos());
        boolean drained = published && !worker.isWanted();
        if (drained || System.nanoTime() > drainedBy) {
          return;
        }
      }
    }
  }

  private void takeFinishedCheck() {
    worker
        .takeFinished()
        .ifPresent(
            judged -> {
              PendingSnapshot snapshot = judged.snapshot();
              judged.verdicts().forEach(each -> outbox.verdict(snapshot.partition(), each));
              partitions.settle(snapshot);
            });
  }

  private void startNextCheck() {
    if (worker.isIdle()) {
      partitions.takeNext().ifPresent(worker::begin);
    }
  }

  /** Pauses what would exceed the memory or the account of held snapshots, and resumes the rest. */
  private void limitMemory(SnapshotConsumer snapshots) {
    while (isFull() && partitions.waitingCount() == 0 && worker.isIdle()) {
      // Only incomplete snapshots are left: without room for their next chunks none gets complete.
      partitions.giveUpIncomplete();
    }
    snapshots.readOnly(isFull() || life.isStopping() ? Set.of() : partitions.withRoom());
  }

  private boolean isFull() {
    return heldBytes() > settings.memoryBytes();
  }

  private long heldBytes() {
    return partitions.bytes() + worker.bytes();
  }

  /** Publishes what is settled, and returns whether nothing of it is left for the next time. */
  private boolean publish(SnapshotConsumer snapshots, VerdictPublication publication) {
    Map<TopicPartition, OffsetAndMetadata> offsets = partitions.offsets();
    if (offsets.isEmpty()) {
      return true;
    }
    boolean published = publication.publish(outbox, offsets, snapshots.group());
    if (published) {
      metrics.published(outbox);
      partitions.committed();
    }
    return published;
  }

  private void showGauges(SnapshotConsumer snapshots) {
    metrics.pending(partitions.waitingCount() + (worker.isIdle() ? 0 : 1));
    metrics.heldBytes(heldBytes());
    metrics.lag(snapshots.lag());
  }

  private void forget(Collection<Integer> gone) {
    partitions.forget(gone);
    worker.abandon(gone);
  }

  /** Takes partitions up where they were left, and forgets those that go. */
  private final class Assignment implements ConsumerRebalanceListener {

    private final SnapshotConsumer snapshots;

    Assignment(SnapshotConsumer snapshots) {
      this.snapshots = snapshots;
    }

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> assigned) {
      life.waitFor("the committed offsets of " + assigned);
      snapshots.resume(assigned).forEach(partitions::assign);
      life.joined();
      LOG.info("Reads partitions {} of {}", partitions.numbers(), Topic.SNAPSHOTS.name());
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> revoked) {
      forget(revoked.stream().map(TopicPartition::partition).toList());
    }
  }
}
