package io.fullrank.checker.loop;

import io.fullrank.checker.check.SnapshotCheck;
import io.fullrank.checker.configuration.CheckLoopSettings;
import io.fullrank.checker.intake.PartitionIntake;
import io.fullrank.checker.intake.PartitionProgress;
import io.fullrank.checker.intake.PendingSnapshot;
import io.fullrank.checker.intake.WaitingSnapshots;
import io.fullrank.checker.prometheus.CheckerMetrics;
import io.fullrank.checker.verdict.Outbox;
import io.fullrank.checker.verdict.Verdicts;
import io.fullrank.messaging.KafkaConnection;
import io.fullrank.messaging.KafkaUnavailableException;
import io.fullrank.messaging.Refusals;
import io.fullrank.messaging.TopicCreation;
import io.fullrank.messaging.Wait;
import io.fullrank.proto.SnapshotId;
import io.fullrank.proto.Topic;
import io.fullrank.proto.v1.SkipReason;
import io.fullrank.proto.v1.Snapshot;
import io.fullrank.proto.v1.Verdict;
import java.io.IOException;
import java.time.Duration;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.CloseOptions.GroupMembershipOperation;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.CooperativeStickyAssignor;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.FencedInstanceIdException;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads snapshots, has them judged, and publishes each verdict in the transaction that commits what
 * was consumed for it. So every snapshot is settled exactly once for readers of committed records,
 * whenever the process dies.
 *
 * <p>One thread owns the consumer and the producer and runs this loop; one worker runs the checks,
 * one at a time. While a check runs the loop goes on polling, so a long check does not cost the
 * membership in the group; when memory is full it pauses its partitions.
 *
 * <p>There is one way to recover, whatever went wrong with Kafka: forget everything, close both
 * clients, and begin again at the committed offsets with new ones. The new producer has the old
 * one's transactional id, which aborts what that left open; the new consumer has the old one's
 * group instance id, so the group does not rebalance.
 */
public final class CheckLoop {

  private static final Logger LOG = LoggerFactory.getLogger(CheckLoop.class);

  private static final Duration POLL_IDLE = Duration.ofMillis(200);
  // How long a finished check may wait for its publication.
  private static final Duration POLL_BUSY = Duration.ofMillis(20);
  private static final Duration FIRST_PAUSE = Duration.ofMillis(250);
  private static final Duration LONGEST_PAUSE = Duration.ofSeconds(10);
  // At the end: for the check that runs, then for the clients.
  private static final Duration DRAIN_LIMIT = Duration.ofSeconds(10);
  private static final Duration CLOSE_LIMIT = Duration.ofSeconds(5);

  /** A check that the worker is at. */
  private static final class Running {
    private final PendingSnapshot pending;
    private final CompletableFuture<Verdict> verdict;
    // Set when the partition is not ours any more: the verdict must not be published.
    private boolean abandoned;

    Running(PendingSnapshot pending, CompletableFuture<Verdict> verdict) {
      this.pending = pending;
      this.verdict = verdict;
    }
  }

  private final CheckLoopSettings settings;
  private final KafkaConnection kafka;
  private final SnapshotCheck check;
  private final CheckerMetrics metrics;
  private final Thread thread;
  private final ExecutorService worker;
  private final CountDownLatch stopping = new CountDownLatch(1);
  private final Wait wait = new Wait("the start of its loop");
  private volatile boolean joined;

  // Of the loop's thread alone.
  private final Map<Integer, PartitionIntake> intakes = new TreeMap<>();
  private final WaitingSnapshots waiting;
  private final Outbox outbox = new Outbox();
  private Optional<Running> running = Optional.empty();
  private Consumer<String, byte[]> consumer;
  private Producer<String, byte[]> producer;
  private Duration pause = FIRST_PAUSE;
  // Why Kafka could not be read from last; null while it can.
  private String outage;

  public CheckLoop(
      CheckLoopSettings settings,
      KafkaConnection kafka,
      SnapshotCheck check,
      CheckerMetrics metrics) {
    this.settings = settings;
    this.kafka = kafka;
    this.check = check;
    this.metrics = metrics;
    this.waiting = new WaitingSnapshots(settings.policy());
    this.thread = new Thread(this::run, "check-loop");
    this.worker =
        Executors.newSingleThreadExecutor(
            task -> {
              // A check cannot be interrupted: it must not keep the process alive.
              Thread daemon = new Thread(task, "check-worker");
              daemon.setDaemon(true);
              return daemon;
            });
  }

  public void start() {
    thread.start();
  }

  /** Returns whether the group has assigned this checker its share of the partitions. */
  public boolean hasJoined() {
    return joined;
  }

  /** Returns what the loop waits for before it can read snapshots, in words; empty if nothing. */
  public Optional<String> waitsFor() {
    return wait.words();
  }

  /** Returns whether the loop's thread runs. */
  public boolean isAlive() {
    return thread.isAlive();
  }

  /**
   * Stops: waits a while for the check that runs and publishes its verdict, else leaves the
   * snapshot to whoever gets the partition. Returns within a bounded time.
   */
  public void stop() throws InterruptedException {
    stopping.countDown();
    if (!joined) {
      // It has no work, and may wait for a broker that is not there.
      thread.interrupt();
    }
    thread.join(DRAIN_LIMIT.plus(CLOSE_LIMIT).plus(CLOSE_LIMIT).toMillis());
    if (thread.isAlive()) {
      // It waits for a broker that does not answer any more.
      thread.interrupt();
      thread.join(CLOSE_LIMIT.toMillis());
    }
    worker.shutdownNow();
  }

  private void run() {
    try {
      while (!isStopping()) {
        try {
          connect();
          consume();
        } catch (InterruptException stopped) {
          throw new InterruptedException(stopped.getMessage());
        } catch (FencedInstanceIdException | ProducerFencedException fenced) {
          LOG.error(
              "Another checker has the name {}: give each its own fullrank.checker.name",
              settings.name());
          pause = LONGEST_PAUSE;
        } catch (KafkaException | KafkaUnavailableException failed) {
          String reason = Refusals.reason(failed);
          // Once, for as long as it stays the same.
          if (!reason.equals(outage)) {
            LOG.warn("Will begin again at the committed offsets: {}", reason);
          }
          outage = reason;
        } catch (RuntimeException failed) {
          LOG.error("Will begin again at the committed offsets", failed);
        } finally {
          disconnect();
        }
        pauseBeforeRetry();
      }
    } catch (InterruptedException interrupted) {
      LOG.info("Stopped while waiting for Kafka");
    }
  }

  private void connect() throws InterruptedException {
    if (outage == null) {
      LOG.info("Connects to Kafka at {}, named {}", kafka, settings.name());
    }
    wait.on("the topics of snapshots and verdicts");
    Admin admin = kafka.admin(settings.name());
    try {
      TopicCreation.ensure(
          admin, List.of(Topic.SNAPSHOTS, Topic.SNAPSHOTS.deadLetters(), Topic.VERDICTS));
    } finally {
      // Not to wait for answers of a broker that is not there.
      admin.close(Duration.ZERO);
    }
    producer = kafka.producer(settings.name(), producerProperties());
    wait.on("the end of what it may have left of transactions, as " + settings.name());
    producer.initTransactions();
    wait.on("its share of the partitions, from group " + settings.group());
    consumer = kafka.consumer(settings.name(), consumerProperties());
    consumer.subscribe(List.of(Topic.SNAPSHOTS.name()), new Assignment());
  }

  private void consume() {
    long drainedBy = Long.MAX_VALUE;
    while (true) {
      read();
      takeFinishedCheck();
      if (!isStopping()) {
        startNextCheck();
      }
      limitMemory();
      commit();
      publishGauges();
      if (isStopping()) {
        drainedBy = Math.min(drainedBy, System.nanoTime() + DRAIN_LIMIT.toNanos());
        if (running.filter(check -> !check.abandoned).isEmpty() || System.nanoTime() > drainedBy) {
          return;
        }
      }
    }
  }

  private void read() {
    for (ConsumerRecord<String, byte[]> record :
        consumer.poll(running.isPresent() ? POLL_BUSY : POLL_IDLE)) {
      PartitionIntake intake = intakes.get(record.partition());
      intake.accept(record).ifPresent(complete -> waiting.add(complete).forEach(this::supersede));
    }
    intakes.values().forEach(PartitionIntake::giveUpStale);
  }

  private void supersede(PendingSnapshot older) {
    intakes.get(older.partition()).settle(older.id());
    outbox.skip(older.id(), SkipReason.SKIP_REASON_SUPERSEDED);
  }

  private void takeFinishedCheck() {
    Optional<Running> finished = running.filter(check -> check.verdict.isDone());
    if (finished.isEmpty()) {
      return;
    }
    running = Optional.empty();
    PendingSnapshot checked = finished.get().pending;
    if (!finished.get().abandoned) {
      outbox.verdict(finished.get().verdict.join());
      intakes.get(checked.partition()).settle(checked.id());
    }
  }

  private void startNextCheck() {
    if (running.isEmpty()) {
      running =
          waiting
              .take()
              .map(
                  next ->
                      new Running(
                          next,
                          CompletableFuture.supplyAsync(() -> judge(next.snapshot()), worker)));
    }
  }

  // On the worker.
  private Verdict judge(Snapshot snapshot) {
    long started = System.nanoTime();
    try {
      return check.check(snapshot);
    } catch (RuntimeException | OutOfMemoryError failed) {
      LOG.error("The check of {} failed", SnapshotId.of(snapshot), failed);
      return Verdicts.undetermined(
          snapshot, settings.name(), "the check failed: %s".formatted(failed));
    } finally {
      metrics.checked(Duration.ofNanos(System.nanoTime() - started));
    }
  }

  /** Pauses what would exceed the memory or the account of held snapshots, and resumes the rest. */
  private void limitMemory() {
    while (isFull() && waiting.isEmpty() && running.isEmpty()) {
      // Only incomplete snapshots are left: without room for their next chunks none gets complete.
      PartitionIntake largest =
          Collections.max(
              intakes.values(), Comparator.comparingLong(PartitionIntake::incompleteBytes));
      LOG.warn(
          "Incomplete snapshots fill the memory, one is given up: raise"
              + " fullrank.checker.memory-bytes, now {}",
          settings.memoryBytes());
      largest.giveUpBegunLast();
    }
    boolean none = isFull() || isStopping();
    Map<Boolean, List<TopicPartition>> wanted =
        intakes.entrySet().stream()
            .collect(
                Collectors.partitioningBy(
                    intake -> !none && intake.getValue().heldCount() < PartitionIntake.MOST_HELD,
                    Collectors.mapping(intake -> partition(intake.getKey()), Collectors.toList())));
    consumer.resume(wanted.get(true));
    consumer.pause(wanted.get(false));
  }

  private boolean isFull() {
    return heldBytes() > settings.memoryBytes();
  }

  private long heldBytes() {
    return waiting.bytes()
        + running.map(check -> check.pending.bytes()).orElse(0L)
        + intakes.values().stream().mapToLong(PartitionIntake::incompleteBytes).sum();
  }

  private void commit() {
    Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
    intakes.forEach(
        (number, intake) -> {
          if (intake.takeChanged()) {
            long committed = intake.committable();
            offsets.put(
                partition(number),
                new OffsetAndMetadata(committed, intake.progress().toMetadata(committed)));
          }
        });
    if (offsets.isEmpty()) {
      return;
    }
    producer.beginTransaction();
    for (ProducerRecord<String, byte[]> record : outbox.records()) {
      // What fails to be sent fails the transaction.
      var unused = producer.send(record);
    }
    producer.sendOffsetsToTransaction(offsets, consumer.groupMetadata());
    producer.commitTransaction();
    metrics.published(outbox);
    outbox.clear();
    pause = FIRST_PAUSE;
  }

  private void publishGauges() {
    metrics.pending(waiting.size() + (running.isPresent() ? 1 : 0));
    metrics.heldBytes(heldBytes());
    metrics.lag(
        intakes.keySet().stream()
            .mapToLong(number -> consumer.currentLag(partition(number)).orElse(0))
            .sum());
  }

  private void disconnect() {
    joined = false;
    forget(List.copyOf(intakes.keySet()));
    outbox.clear();
    if (producer != null) {
      close("producer", () -> producer.close(CLOSE_LIMIT));
      producer = null;
    }
    if (consumer != null) {
      GroupMembershipOperation membership =
          isStopping()
              ? GroupMembershipOperation.LEAVE_GROUP
              : GroupMembershipOperation.REMAIN_IN_GROUP;
      close(
          "consumer",
          () ->
              consumer.close(
                  CloseOptions.timeout(CLOSE_LIMIT).withGroupMembershipOperation(membership)));
      consumer = null;
    }
  }

  private static void close(String client, Runnable closing) {
    try {
      closing.run();
    } catch (RuntimeException failed) {
      LOG.warn("The {} did not close cleanly: {}", client, failed.toString());
    }
  }

  private void forget(Collection<Integer> partitions) {
    for (int partition : partitions) {
      intakes.remove(partition);
      waiting.forget(partition);
      running
          .filter(check -> check.pending.partition() == partition)
          .ifPresent(check -> check.abandoned = true);
    }
  }

  private void pauseBeforeRetry() throws InterruptedException {
    wait.on("the next attempt" + (outage == null ? "" : ", because of: " + outage));
    if (!stopping.await(pause.toMillis(), TimeUnit.MILLISECONDS)) {
      Duration twice = pause.multipliedBy(2);
      pause = twice.compareTo(LONGEST_PAUSE) < 0 ? twice : LONGEST_PAUSE;
    }
  }

  private boolean isStopping() {
    return stopping.getCount() == 0;
  }

  private Map<String, Object> producerProperties() {
    return Map.of(
        ProducerConfig.TRANSACTIONAL_ID_CONFIG,
        settings.name(),
        // A broker that does not answer must fail a transaction long before the group misses polls.
        ProducerConfig.REQUEST_TIMEOUT_MS_CONFIG,
        10_000,
        ProducerConfig.DELIVERY_TIMEOUT_MS_CONFIG,
        20_000,
        ProducerConfig.MAX_BLOCK_MS_CONFIG,
        20_000L,
        ProducerConfig.TRANSACTION_TIMEOUT_CONFIG,
        30_000);
  }

  private Map<String, Object> consumerProperties() {
    return Map.of(
        ConsumerConfig.GROUP_ID_CONFIG,
        settings.group(),
        ConsumerConfig.GROUP_INSTANCE_ID_CONFIG,
        settings.name(),
        // The protocol whose generations fence offsets sent to a transaction by a zombie.
        ConsumerConfig.GROUP_PROTOCOL_CONFIG,
        "classic",
        ConsumerConfig.PARTITION_ASSIGNMENT_STRATEGY_CONFIG,
        CooperativeStickyAssignor.class.getName(),
        ConsumerConfig.SESSION_TIMEOUT_MS_CONFIG,
        10_000,
        ConsumerConfig.HEARTBEAT_INTERVAL_MS_CONFIG,
        2_000,
        // Chunks of 1 MB: what one poll adds beyond the memory's limit stays small.
        ConsumerConfig.MAX_POLL_RECORDS_CONFIG,
        16,
        ConsumerConfig.FETCH_MAX_BYTES_CONFIG,
        16 << 20,
        ConsumerConfig.MAX_PARTITION_FETCH_BYTES_CONFIG,
        4 << 20);
  }

  private static TopicPartition partition(int number) {
    return new TopicPartition(Topic.SNAPSHOTS.name(), number);
  }

  private static PartitionProgress progress(TopicPartition partition, OffsetAndMetadata committed) {
    try {
      return committed.metadata().isEmpty()
          ? PartitionProgress.at(committed.offset())
          : PartitionProgress.fromMetadata(committed.offset(), committed.metadata());
    } catch (IOException foreign) {
      LOG.warn(
          "{}: the text beside offset {} is not this checker's ({}); all behind the offset is new",
          partition,
          committed.offset(),
          foreign.getMessage());
      return PartitionProgress.at(committed.offset());
    }
  }

  /** Takes partitions up where they were left, and forgets those that go. */
  private final class Assignment implements ConsumerRebalanceListener {

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> assigned) {
      wait.on("the committed offsets of " + assigned);
      Map<TopicPartition, OffsetAndMetadata> known = consumer.committed(new HashSet<>(assigned));
      for (TopicPartition partition : assigned) {
        OffsetAndMetadata committed = known.get(partition);
        if (committed == null) {
          // Reading begins at the beginning, wherever that is.
          committed = new OffsetAndMetadata(0);
        } else {
          consumer.seek(partition, committed);
        }
        intakes.put(
            partition.partition(),
            new PartitionIntake(
                partition.partition(),
                committed.offset(),
                progress(partition, committed),
                settings.maxSnapshotBytes(),
                outbox));
      }
      joined = true;
      wait.over();
      outage = null;
      LOG.info("Reads partitions {} of {}", intakes.keySet(), Topic.SNAPSHOTS.name());
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> revoked) {
      forget(revoked.stream().map(TopicPartition::partition).toList());
    }
  }
}
