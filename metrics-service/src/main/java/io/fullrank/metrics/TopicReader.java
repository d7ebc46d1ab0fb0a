package io.fullrank.metrics;

import io.fullrank.messaging.KafkaConnection;
import io.fullrank.messaging.KafkaUnavailableException;
import io.fullrank.messaging.TopicCreation;
import io.fullrank.proto.Topic;
import io.fullrank.proto.WireFormatException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.common.errors.TimeoutException;
import org.jboss.logging.Logger;

/**
 * Reads all that the topics hold of runs, from the beginning and for as long as the service lives,
 * in one thread. A broker that is absent, or goes, is waited for.
 */
public final class TopicReader {

  /** The topics read. */
  static final List<Topic> SOURCES = List.of(Topic.EXPERIMENTS, Topic.PROGRESS, Topic.VERDICTS);

  private static final Logger LOG = Logger.getLogger(TopicReader.class);
  private static final String CLIENT = "fullrank-metrics";
  private static final Duration ANSWER_LIMIT = Duration.ofSeconds(5);
  private static final Duration POLL_LIMIT = Duration.ofMillis(500);
  private static final Duration PAUSE = Duration.ofSeconds(1);
  private static final Duration STOP_LIMIT = Duration.ofSeconds(5);
  private static final long PROBE_NANOS = TimeUnit.SECONDS.toNanos(10);

  private final KafkaConnection kafka;
  private final RunStore store;
  private final DeadLetterLog deadLetters;
  private final FullrankMetrics metrics;
  private final CatchUp catchUp;

  private final CountDownLatch stopping = new CountDownLatch(1);
  private final Thread thread = new Thread(this::run, "topic-reader");

  // All that follows belongs to the thread.
  private final Map<TopicPartition, Long> positions = new HashMap<>();
  private Class<?> outage;
  private long probedAt = System.nanoTime();
  private long recordsRead;

  TopicReader(
      KafkaConnection kafka,
      RunStore store,
      DeadLetterLog deadLetters,
      FullrankMetrics metrics,
      CatchUp catchUp) {
    this.kafka = kafka;
    this.store = store;
    this.deadLetters = deadLetters;
    this.metrics = metrics;
    this.catchUp = catchUp;
    thread.setDaemon(true);
  }

  /** Starts to read. */
  void start() {
    thread.start();
  }

  /** Ends reading; what was read is kept. */
  void stop() throws InterruptedException {
    stopping.countDown();
    thread.interrupt();
    thread.join(STOP_LIMIT.toMillis());
  }

  private void run() {
    try {
      while (!isStopping()) {
        readUntilFailure();
      }
    } catch (InterruptedException | InterruptException end) {
      LOG.debug("Reading ends: the service stops");
    } finally {
      // Only stop() interrupts; letters on their way are still sent.
      Thread.interrupted();
      deadLetters.close();
    }
  }

  private void readUntilFailure() throws InterruptedException {
    try {
      read();
    } catch (InterruptException end) {
      throw end;
    } catch (KafkaException | KafkaUnavailableException failure) {
      waiting(failure);
      stopping.await(PAUSE.toMillis(), TimeUnit.MILLISECONDS);
    } catch (RuntimeException failure) {
      LOG.error("Reading failed and begins again where it was", failure);
      stopping.await(PAUSE.toMillis(), TimeUnit.MILLISECONDS);
    }
  }

  private void read() throws InterruptedException {
    KafkaConsumer<String, byte[]> consumer = kafka.consumer(CLIENT, Map.of());
    try {
      long started = System.nanoTime();
      ensureTopics(consumer);
      answered();
      // Before the first unreadable record comes, it must be known which ones were set aside.
      readToEnd(consumer, partitions(consumer, SOURCES.stream().map(Topic::deadLetters)));
      readToEnd(consumer, partitions(consumer, topics()));
      if (!catchUp.isDone() && !isStopping()) {
        catchUp.complete();
        LOG.infof(
            "Caught up with %d records of %d runs in %.1f s",
            recordsRead, store.runs().size(), (System.nanoTime() - started) / 1e9);
      }
      while (!isStopping()) {
        poll(consumer);
        probe(consumer);
      }
    } finally {
      // Left set, the interruption of stop() would keep the consumer from closing its connections.
      boolean interrupted = Thread.interrupted();
      consumer.close(CloseOptions.timeout(Duration.ZERO));
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private void ensureTopics(KafkaConsumer<String, byte[]> consumer) throws InterruptedException {
    for (List<Topic> missing = missing(consumer);
        !missing.isEmpty() && !isStopping();
        missing = missing(consumer)) {
      try (Admin admin = kafka.admin(CLIENT + "-topics")) {
        TopicCreation.ensure(admin, missing);
      }
      // A topic just created takes a moment to show.
      stopping.await(100, TimeUnit.MILLISECONDS);
    }
  }

  private static List<Topic> missing(KafkaConsumer<String, byte[]> consumer) {
    Map<String, List<PartitionInfo>> present = consumer.listTopics(ANSWER_LIMIT);
    return topics().filter(topic -> !present.containsKey(topic.name())).toList();
  }

  private static Stream<Topic> topics() {
    return SOURCES.stream().flatMap(topic -> Stream.of(topic, topic.deadLetters()));
  }

  private static List<TopicPartition> partitions(
      KafkaConsumer<String, byte[]> consumer, Stream<Topic> topics) {
    Map<String, List<PartitionInfo>> present = consumer.listTopics(ANSWER_LIMIT);
    return topics
        .flatMap(topic -> present.getOrDefault(topic.name(), List.of()).stream())
        .map(partition -> new TopicPartition(partition.topic(), partition.partition()))
        .toList();
  }

  /** Reads up to where the partitions end now. */
  private void readToEnd(
      KafkaConsumer<String, byte[]> consumer, Collection<TopicPartition> partitions) {
    assign(consumer, partitions);
    Map<TopicPartition, Long> ahead = new HashMap<>(consumer.endOffsets(partitions, ANSWER_LIMIT));
    while (!isStopping()) {
      ahead
          .entrySet()
          .removeIf(end -> consumer.position(end.getKey(), ANSWER_LIMIT) >= end.getValue());
      if (ahead.isEmpty()) {
        return;
      }
      long left =
          ahead.entrySet().stream()
              .mapToLong(end -> end.getValue() - consumer.position(end.getKey(), ANSWER_LIMIT))
              .sum();
      catchUp.waitFor("%d records still to be read".formatted(left));
      poll(consumer);
      probe(consumer);
    }
  }

  private void assign(
      KafkaConsumer<String, byte[]> consumer, Collection<TopicPartition> partitions) {
    consumer.assign(partitions);
    for (TopicPartition partition : partitions) {
      Long position = positions.get(partition);
      if (position != null) {
        consumer.seek(partition, position);
      }
    }
  }

  private void poll(KafkaConsumer<String, byte[]> consumer) {
    ConsumerRecords<String, byte[]> records = consumer.poll(POLL_LIMIT);
    for (TopicPartition partition : records.partitions()) {
      for (ConsumerRecord<String, byte[]> record : records.records(partition)) {
        take(record);
        positions.put(partition, record.offset() + 1);
      }
    }
    if (!records.isEmpty()) {
      answered();
    }
  }

  private void take(ConsumerRecord<String, byte[]> bytes) {
    for (Topic topic : SOURCES) {
      if (bytes.topic().equals(topic.name())) {
        apply(topic, bytes);
        return;
      }
    }
    deadLetters.learn(bytes);
  }

  private void apply(Topic topic, ConsumerRecord<String, byte[]> bytes) {
    recordsRead++;
    metrics.recordRead(topic);
    try {
      RunRecord record = RunRecord.read(topic, bytes);
      store.apply(record);
      metrics.recordTaken(record);
    } catch (WireFormatException unreadable) {
      metrics.recordUnreadable(topic);
      deadLetters.setAside(topic, bytes, unreadable.getMessage());
    }
  }

  /**
   * Asks from time to time whether the broker is there, since polling says nothing of it, and
   * whether the topics have grown.
   */
  private void probe(KafkaConsumer<String, byte[]> consumer) {
    long now = System.nanoTime();
    if (now - probedAt < PROBE_NANOS) {
      return;
    }
    probedAt = now;
    try {
      List<TopicPartition> grown = new ArrayList<>(partitions(consumer, topics()));
      answered();
      grown.removeAll(consumer.assignment());
      // While the dead letters are read for the first time, the rest is not assigned on purpose.
      if (catchUp.isDone() && !grown.isEmpty()) {
        LOG.infof("Reading new partitions %s, too", grown);
        grown.addAll(consumer.assignment());
        assign(consumer, grown);
      }
    } catch (TimeoutException silence) {
      waiting(silence);
    }
  }

  private void waiting(RuntimeException why) {
    // Once for each kind of failure: messages hold times and counts.
    if (!why.getClass().equals(outage)) {
      LOG.warnf(
          "Kafka at %s does not answer, waiting for it: %s", kafka.bootstrapServers(), reason(why));
    }
    outage = why.getClass();
  }

  // Some of the client's messages say what failed, and only their cause says why.
  private static String reason(Throwable failure) {
    String message = String.valueOf(failure.getMessage());
    String cause = failure.getCause() == null ? "" : reason(failure.getCause());
    return message.contains(cause) ? message : message + ": " + cause;
  }

  private void answered() {
    if (outage != null) {
      LOG.infof("Kafka at %s answers", kafka.bootstrapServers());
    }
    outage = null;
  }

  private boolean isStopping() {
    return stopping.getCount() == 0;
  }
}
