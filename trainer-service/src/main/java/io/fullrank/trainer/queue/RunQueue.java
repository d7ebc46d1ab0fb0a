package io.fullrank.trainer.queue;

import com.google.protobuf.DiscardUnknownFieldsParser;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Timestamp;
import io.fullrank.messaging.DeadLetters;
import io.fullrank.messaging.KafkaConnection;
import io.fullrank.messaging.KafkaLife;
import io.fullrank.messaging.KafkaLife.Pauses;
import io.fullrank.proto.RunName;
import io.fullrank.proto.Topic;
import io.fullrank.proto.WireFormatException;
import io.fullrank.proto.v1.RunRequest;
import io.fullrank.trainer.queue.QueuedRun.Stop;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.CooperativeStickyAssignor;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.errors.WakeupException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The accepted runs that this trainer owns, in their order: those in the partitions of {@link
 * Topic#EXPERIMENTS} that Kafka assigns to it. A run is committed once its result is with the
 * broker, so that a trainer that dies leaves its runs to the others.
 *
 * <p>One thread polls and owns the consumer; {@link #take} and {@link #settle} are for others.
 */
public final class RunQueue implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(RunQueue.class);
  private static final Duration POLL = Duration.ofMillis(200);
  private static final Duration STOP_LIMIT = Duration.ofSeconds(10);
  private static final Duration CLOSE_LIMIT = Duration.ofSeconds(5);
  private static final Duration DEAD_LETTERS_LIMIT = Duration.ofSeconds(5);

  /** A trainer that is killed once says nothing about the run that it trained. */
  private static final int SUSPICIOUS = 2;

  /** How long a run waits until it is noted that its training begins before the log tells. */
  private static final Duration NOTE_PATIENCE = Duration.ofSeconds(10);

  /**
   * Runs that are cancelled come first, as they take no time, and those whose attempts have died
   * repeatedly last. The comparator of protobuf's library would refuse times before the year 1.
   */
  private final Comparator<QueuedRun> order =
      Comparator.comparing((QueuedRun run) -> run.stop() != Stop.CANCELLED)
          .thenComparingInt(this::suspicion)
          .thenComparing(
              run -> run.request().getSubmittedAt(),
              Comparator.comparingLong(Timestamp::getSeconds)
                  .thenComparingInt(Timestamp::getNanos));

  private final KafkaConsumer<String, byte[]> consumer;
  private final Duration stopTimeout;
  private final KafkaProducer<String, byte[]> deadLetters;
  private final Consumer<String> cancelled;
  private final String share;
  private final KafkaLife life;

  // Only the thread that polls uses it: whether the group has assigned partitions, and not taken
  // them away.
  private boolean member;

  // Guarded by this. All runs of a partition that are not settled, by offset, and the position
  // after the last record.
  private final Map<TopicPartition, TreeMap<Long, QueuedRun>> open = new HashMap<>();
  private final Map<TopicPartition, Long> positions = new HashMap<>();
  private final Map<TopicPartition, AttemptNotes> notes = new HashMap<>();
  // Partitions of which it is not known yet what was noted; none of their runs begins.
  private final Set<TopicPartition> unread = new HashSet<>();
  private final List<QueuedRun> waiting = new ArrayList<>();
  // How often it was asked that Kafka take the notes, and how often it had been when Kafka last
  // did.
  private long asked;
  private long taken;
  private boolean changed;
  private boolean givenUp;

  /**
   * An attempt of which Kafka has taken that it begins.
   *
   * @param number higher than that of every attempt before, whatever the clocks of their trainers
   *     show
   * @param deaths how many attempts before it died, one after the other, without having got further
   *     than the one before them
   * @param before the number of the attempt before; 0 if there was none, or its number is not known
   */
  public record Begun(long number, int deaths, long before) {}

  /**
   * Joins the group.
   *
   * @param stopTimeout how long a run may take to stop before its partition goes to another trainer
   * @param deadLetters takes what is no request; closed with the queue
   * @param cancelled hears of every run that a client cancelled, whether this trainer trains it or
   *     not
   */
  public RunQueue(
      KafkaConnection kafka,
      String clientId,
      String group,
      Duration stopTimeout,
      KafkaProducer<String, byte[]> deadLetters,
      Consumer<String> cancelled) {
    this.stopTimeout = stopTimeout;
    this.deadLetters = deadLetters;
    this.cancelled = cancelled;
    this.share = "its share of the partitions, from group " + group;
    consumer =
        kafka.consumer(
            clientId,
            Map.of(
                ConsumerConfig.GROUP_ID_CONFIG,
                group,
                // A trainer that joins takes partitions over one by one, not runs out of the
                // others' hands.
                ConsumerConfig.PARTITION_ASSIGNMENT_STRATEGY_CONFIG,
                CooperativeStickyAssignor.class.getName()));
    consumer.subscribe(List.of(Topic.EXPERIMENTS.name()), new Rebalance());
    life =
        new KafkaLife(
            "run-queue",
            "The run queue cannot be read, trying again",
            new Pauses(Duration.ofMillis(250), Duration.ofSeconds(5)),
            new Polling());
    life.start();
  }

  /** Returns whether the trainer is a member of its group, as far as it knows. */
  public boolean joined() {
    return life.hasJoined();
  }

  /** Returns what the trainer waits for before it is a member, in words; empty if for nothing. */
  public Optional<String> waitsFor() {
    return life.waitsFor();
  }

  /** Returns whether the thread that polls lives. */
  public boolean isAlive() {
    return life.isAlive();
  }

  /** Waits for the next run. Returns nothing when all runs were given up. */
  public synchronized Optional<QueuedRun> take() throws InterruptedException {
    while (waiting.isEmpty() && !givenUp) {
      wait();
    }
    if (givenUp) {
      return Optional.empty();
    }
    QueuedRun first = Collections.min(waiting, order);
    waiting.remove(first);
    return Optional.of(first);
  }

  /** Returns how many runs wait. */
  public synchronized int size() {
    return waiting.size();
  }

  private int suspicion(QueuedRun run) {
    int deaths =
        notesOf(run.partition()).of(run.offset()).map(AttemptNotes.Note::deathsIfDead).orElse(0);
    return deaths < SUSPICIOUS ? 0 : deaths;
  }

  private AttemptNotes notesOf(TopicPartition partition) {
    return notes.computeIfAbsent(partition, any -> AttemptNotes.of(""));
  }

  /**
   * Notes in Kafka that an attempt to train a run begins, and waits until Kafka has taken the note,
   * which it does of members of the group only: a trainer that has stood still for so long that
   * others have its runs must not begin one that they have ended. Should the process die before the
   * run has been {@link #stopped} or {@link #settle settled}, the next attempt, here or elsewhere,
   * hears of it.
   *
   * @param number of the attempt, unless one before has that number or a higher one
   * @param step where the attempt begins
   * @return nothing if the run is not this trainer's any more, or is given up
   */
  public synchronized Optional<Begun> begin(QueuedRun run, long number, long step)
      throws InterruptedException {
    await(run, () -> !unread.contains(run.partition()), "knows what was noted of attempts before");
    if (!mayBegin(run)) {
      return Optional.empty();
    }
    AttemptNotes all = notesOf(run.partition());
    long before = all.of(run.offset()).map(AttemptNotes.Note::attempt).orElse(0L);
    AttemptNotes.Note note = all.begin(run.offset(), step, number);
    changed = true;
    asked++;
    long own = asked;
    await(run, () -> taken >= own, "has noted in Kafka that its training begins");
    return mayBegin(run)
        ? Optional.of(new Begun(note.attempt(), note.deaths(), before))
        : Optional.empty();
  }

  private void await(QueuedRun run, BooleanSupplier condition, String words)
      throws InterruptedException {
    long tellAt = System.nanoTime() + NOTE_PATIENCE.toNanos();
    boolean told = false;
    while (!condition.getAsBoolean() && mayBegin(run)) {
      wait(NOTE_PATIENCE.toMillis());
      if (!told && !condition.getAsBoolean() && System.nanoTime() >= tellAt) {
        LOG.warn("run {}: waits until this trainer {}", run.request().getRun(), words);
        told = true;
      }
    }
  }

  private boolean mayBegin(QueuedRun run) {
    return isOpen(run) && run.stop() != Stop.GIVEN_UP;
  }

  private boolean isOpen(QueuedRun run) {
    TreeMap<Long, QueuedRun> runs = open.get(run.partition());
    // A partition that was lost and has come back brings its runs anew.
    return runs != null && runs.get(run.offset()) == run;
  }

  /**
   * Says that a run is no longer in training, whether it has ended or not. Of one that went to
   * another trainer meanwhile nothing is noted: that one may train it.
   */
  public synchronized void stopped(QueuedRun run) {
    if (isOpen(run)) {
      notesOf(run.partition()).stop(run.offset());
      changed = true;
    }
  }

  /** Says that nothing is left to do for a run. */
  public synchronized void settle(QueuedRun run) {
    if (isOpen(run)) {
      open.get(run.partition()).remove(run.offset());
      notesOf(run.partition()).forget(run.offset());
      changed = true;
    }
  }

  /**
   * Tells all runs to stop and hands out no more. The trainer stays their owner until the queue is
   * closed.
   */
  public synchronized void giveUp() {
    givenUp = true;
    allOpen().forEach(run -> run.stop(Stop.GIVEN_UP));
    notifyAll();
  }

  /** Gives the runs back, to another trainer or this one's next start. */
  @Override
  public void close() throws InterruptedException {
    giveUp();
    life.stop(STOP_LIMIT);
    deadLetters.close(DEAD_LETTERS_LIMIT);
  }

  /** Polls for as long as the consumer lives: positions and open runs outlast failures. */
  private final class Polling implements KafkaLife.Work {

    @Override
    public void attempt(KafkaLife polling) {
      if (!member) {
        polling.waitFor(share);
      }
      while (!polling.isStopping()) {
        consumer.poll(POLL).forEach(RunQueue.this::accept);
        commit();
        if (member) {
          polling.joined();
        }
      }
    }

    @Override
    public void wakeUp() {
      consumer.wakeup();
    }

    @Override
    public void end() {
      try {
        commitAtLast();
      } finally {
        consumer.close(CloseOptions.timeout(CLOSE_LIMIT));
      }
    }

    private void commitAtLast() {
      try {
        commit();
      } catch (WakeupException late) {
        // The call that was to be woken up had just returned.
        commit();
      }
    }
  }

  private void accept(ConsumerRecord<String, byte[]> received) {
    TopicPartition partition = new TopicPartition(received.topic(), received.partition());
    if (received.value() == null) {
      // Only runs that have ended are deleted.
      advance(partition, received.offset());
      return;
    }
    RunRequest request;
    try {
      request = DiscardUnknownFieldsParser.wrap(RunRequest.parser()).parseFrom(received.value());
      RunName.require(request.getRun());
    } catch (InvalidProtocolBufferException | WireFormatException malformed) {
      deadLetters.send(
          DeadLetters.of(Topic.EXPERIMENTS, received, "no RunRequest: " + malformed.getMessage()));
      advance(partition, received.offset());
      return;
    }
    if (request.getCancelled()) {
      cancel(request.getRun());
      cancelled.accept(request.getRun());
      advance(partition, received.offset());
      return;
    }
    if (request.getSpec().getNetwork().hasExternal()) {
      // The program that registered it trains it.
      advance(partition, received.offset());
      return;
    }
    synchronized (this) {
      QueuedRun run = new QueuedRun(partition, received.offset(), request);
      if (open.computeIfAbsent(partition, any -> new TreeMap<>())
              .putIfAbsent(received.offset(), run)
          == null) {
        waiting.add(run);
      }
      advance(partition, received.offset());
      notifyAll();
    }
  }

  private synchronized void advance(TopicPartition partition, long offset) {
    positions.put(partition, offset + 1);
    changed = true;
  }

  // A run that never began needs no result: its request says that it was cancelled. Of one that
  // began before it came here readers expect one, so it is handed out.
  private synchronized void cancel(String run) {
    for (QueuedRun owned : allOpen()) {
      if (owned.request().getRun().equals(run)) {
        owned.stop(Stop.CANCELLED);
        if (neverBegan(owned) && waiting.remove(owned)) {
          settle(owned);
        }
      }
    }
  }

  private boolean neverBegan(QueuedRun run) {
    return !unread.contains(run.partition()) && notesOf(run.partition()).of(run.offset()).isEmpty();
  }

  private List<QueuedRun> allOpen() {
    return open.values().stream().flatMap(runs -> runs.values().stream()).toList();
  }

  private void commit() {
    if (!readNotes()) {
      // What is committed replaces what was noted.
      return;
    }
    Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
    long now;
    synchronized (this) {
      if (!changed) {
        return;
      }
      positions.forEach(
          (partition, position) -> {
            TreeMap<Long, QueuedRun> runs = open.getOrDefault(partition, new TreeMap<>());
            offsets.put(
                partition,
                new OffsetAndMetadata(
                    runs.isEmpty() ? position : (long) runs.firstKey(),
                    notesOf(partition).metadata()));
          });
      now = asked;
      changed = false;
    }
    try {
      consumer.commitSync(offsets);
    } catch (KafkaException failed) {
      synchronized (this) {
        changed = true;
      }
      throw failed;
    }
    synchronized (this) {
      taken = now;
      notifyAll();
    }
  }

  /** Reads the notes of new partitions; returns whether those of all are known. */
  private boolean readNotes() {
    Set<TopicPartition> partitions;
    synchronized (this) {
      partitions = Set.copyOf(unread);
    }
    if (partitions.isEmpty()) {
      return true;
    }
    try {
      Map<TopicPartition, OffsetAndMetadata> committed = consumer.committed(partitions);
      synchronized (this) {
        committed.forEach(
            (partition, offset) -> {
              if (offset != null) {
                notes.put(partition, AttemptNotes.of(offset.metadata()));
              }
            });
        unread.removeAll(partitions);
        notifyAll();
      }
      return true;
    } catch (TimeoutException unanswered) {
      LOG.warn("what was noted of attempts is not known yet: {}", unanswered.getMessage());
      return false;
    }
  }

  private final class Rebalance implements ConsumerRebalanceListener {

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
      member = true;
      synchronized (RunQueue.this) {
        unread.addAll(partitions);
      }
      readNotes();
      LOG.info("runs of partitions {} are this trainer's", numbers(partitions));
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
      List<QueuedRun> givenBack = stop(partitions);
      awaitEnd(givenBack);
      // Whatever becomes of them elsewhere, no attempt of this trainer has died.
      givenBack.forEach(RunQueue.this::stopped);
      try {
        commit();
      } finally {
        // Even if Kafka did not take it: what comes back with the partitions must be new here.
        forget(partitions);
      }
    }

    @Override
    public void onPartitionsLost(Collection<TopicPartition> partitions) {
      member = false;
      life.lost(share);
      stop(partitions);
      forget(partitions);
    }

    private List<QueuedRun> stop(Collection<TopicPartition> partitions) {
      synchronized (RunQueue.this) {
        waiting.removeIf(run -> partitions.contains(run.partition()));
        List<QueuedRun> stopped =
            allOpen().stream().filter(run -> partitions.contains(run.partition())).toList();
        stopped.forEach(run -> run.stop(Stop.GIVEN_UP));
        RunQueue.this.notifyAll();
        return stopped;
      }
    }

    private void forget(Collection<TopicPartition> partitions) {
      synchronized (RunQueue.this) {
        positions.keySet().removeAll(partitions);
        open.keySet().removeAll(partitions);
        notes.keySet().removeAll(partitions);
        unread.removeAll(partitions);
        RunQueue.this.notifyAll();
      }
    }

    // The trainer that gets the partitions next finds the checkpoint of the run that was in
    // training here.
    private void awaitEnd(List<QueuedRun> runs) {
      try {
        for (QueuedRun run : runs) {
          run.awaitEnd(stopTimeout);
        }
      } catch (InterruptedException stopped) {
        Thread.currentThread().interrupt();
      }
    }

    private List<Integer> numbers(Collection<TopicPartition> partitions) {
      return partitions.stream().map(TopicPartition::partition).sorted().toList();
    }
  }
}
