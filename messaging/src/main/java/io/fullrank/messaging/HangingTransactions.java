package io.fullrank.messaging;

import io.fullrank.messaging.TransactionLog.Outcome;
import io.fullrank.messaging.TransactionLog.ProducerEpoch;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.AbortTransactionOptions;
import org.apache.kafka.clients.admin.AbortTransactionSpec;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.DescribeProducersOptions;
import org.apache.kafka.clients.admin.DescribeProducersResult;
import org.apache.kafka.clients.admin.DescribeTopicsOptions;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.ListOffsetsResult;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.ProducerState;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.AuthorizationException;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.common.errors.InvalidProducerEpochException;
import org.apache.kafka.common.internals.Topic;
import org.apache.kafka.common.utils.Utils;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Finds transactions that never end, and ends them as their coordinator has decided. A broker that
 * dies while a transaction ends may forget the markers of partitions (KAFKA-20734, Kafka 4.1 to
 * 4.4). Then every client that reads committed records of these partitions, restores a store from
 * them, or asks for the offsets of its group waits for ever, and no timeout ends that.
 *
 * <p>What has become of a transaction is read in the {@link TransactionLog}. One that goes on is
 * left alone. One that was committed gets the marker that it lacks, for its producer has been told
 * so; so does one that was aborted, or of which the log does not know any more. Nothing else is
 * written or fenced, and several services may do it at once.
 *
 * <p>Only {@link #count} and {@link #standstill} may be called by several threads.
 */
public final class HangingTransactions {

  /** What {@link #count} is, for a metric. */
  public static final String METRIC_HELP =
      "Transactions that hold readers back although their coordinator does not know them as open, in"
          + " what this service reads.";

  private static final Logger LOG = LoggerFactory.getLogger(HangingTransactions.class);

  /** How long a transaction may be open before its coordinator's log is read. */
  private static final Duration PATIENCE = Duration.ofSeconds(20);

  private static final Duration LONGEST_PATIENCE = Duration.ofMinutes(5);

  private static final Duration WORTH_TELLING = Duration.ofSeconds(5);
  private static final int ANSWER_MILLIS = 5_000;
  private static final Duration READ_LIMIT = Duration.ofSeconds(15);

  /** A transaction that is open in a partition; its offsets begin at {@code start}. */
  private record Open(TopicPartition partition, long producerId, long start) {
    @Override
    public String toString() {
      return "%s from offset %d on".formatted(partition, start);
    }
  }

  /**
   * What is known of an open transaction.
   *
   * @param since when it was seen first, of {@link System#nanoTime}
   * @param due when its coordinator's log is to be read
   * @param what it is, in words; empty before the log was read
   * @param hanging whether its coordinator does not know it as open
   */
  private record Sighting(long since, long due, String what, boolean hanging) {

    static Sighting first(long now) {
      return new Sighting(now, now + PATIENCE.toNanos(), "", false);
    }

    /** Looks again when the transaction is twice as old: all of the log is read for it. */
    Sighting found(String words, boolean hangs) {
      long now = System.nanoTime();
      long patience = Math.min(now - since, LONGEST_PATIENCE.toNanos());
      return new Sighting(since, now + patience, words, hangs);
    }

    long seconds() {
      return Duration.ofNanos(System.nanoTime() - since).toSeconds();
    }
  }

  private final KafkaConnection kafka;
  private final String clientId;
  private final Set<String> topics;
  private final String group;
  private final CommitMarker commitMarker;
  private final Set<String> told = new HashSet<>();
  private volatile Map<Open, Sighting> sightings = Map.of();

  /**
   * Watches nothing yet.
   *
   * @param topics those that the service reads; they need not exist
   * @param group the service's consumer group
   */
  public HangingTransactions(
      KafkaConnection kafka, String clientId, Collection<String> topics, String group) {
    this.kafka = kafka;
    this.clientId = clientId;
    this.topics = Set.copyOf(topics);
    this.group = group;
    this.commitMarker = new CommitMarker(kafka, clientId);
  }

  /** Returns how many transactions hang, each counted in every partition where it does. */
  public long count() {
    return sightings.values().stream().filter(Sighting::hanging).count();
  }

  /**
   * Returns what keeps readers of committed records from going on, in words: transactions that have
   * been open for a while, and what they are, as far as that is known.
   */
  public Optional<String> standstill() {
    String words =
        sightings.entrySet().stream()
            .filter(each -> each.getValue().seconds() >= WORTH_TELLING.toSeconds())
            .map(each -> describe(each.getKey(), each.getValue()) + each.getValue().what())
            .sorted()
            .collect(Collectors.joining("; "));
    return Optional.of(words).filter(any -> !any.isEmpty());
  }

  /**
   * Looks once; to be called every few seconds while a broker answers. What the broker refuses is
   * logged once.
   */
  public void look(Admin admin) throws InterruptedException {
    Map<Open, ProducerState> open = open(admin, behind(admin, partitions(admin)));
    long now = System.nanoTime();
    Map<Open, Sighting> seen = new HashMap<>();
    for (Open each : open.keySet()) {
      seen.put(each, sightings.getOrDefault(each, Sighting.first(now)));
    }
    sightings = Map.copyOf(seen);
    List<Open> due = seen.keySet().stream().filter(each -> seen.get(each).due() <= now).toList();
    if (due.isEmpty()) {
      return;
    }
    try {
      TransactionLog log = TransactionLog.read(kafka, clientId, READ_LIMIT);
      for (Open each : due) {
        seen.put(each, settle(admin, each, open.get(each), seen.get(each), log));
      }
    } catch (InterruptException stopped) {
      throw stopped;
    } catch (KafkaException unreadable) {
      tellOnce(
          "What has become of transactions that stay open is not known",
          Topic.TRANSACTION_STATE_TOPIC_NAME,
          unreadable);
      String words = ", and %s cannot be read".formatted(Topic.TRANSACTION_STATE_TOPIC_NAME);
      due.forEach(each -> seen.compute(each, (key, sighting) -> sighting.found(words, true)));
    }
    sightings = Map.copyOf(seen);
  }

  /** Returns the partitions that matter, as far as they exist. */
  private Set<TopicPartition> partitions(Admin admin) throws InterruptedException {
    Set<String> names = new HashSet<>(topics);
    names.add(Topic.GROUP_METADATA_TOPIC_NAME);
    return answers(
            admin
                .describeTopics(names, new DescribeTopicsOptions().timeoutMs(ANSWER_MILLIS))
                .topicNameValues())
        .values()
        .stream()
        .flatMap(this::partitions)
        .collect(Collectors.toSet());
  }

  private Stream<TopicPartition> partitions(TopicDescription topic) {
    int count = topic.partitions().size();
    IntStream numbers =
        topic.name().equals(Topic.GROUP_METADATA_TOPIC_NAME)
            ? IntStream.of(Utils.abs(group.hashCode()) % count)
            : IntStream.range(0, count);
    return numbers.mapToObj(number -> new TopicPartition(topic.name(), number));
  }

  /** Returns those whose last stable offset is not their end. */
  private Set<TopicPartition> behind(Admin admin, Set<TopicPartition> partitions)
      throws InterruptedException {
    Map<TopicPartition, Long> stable = ends(admin, partitions, IsolationLevel.READ_COMMITTED);
    Map<TopicPartition, Long> ends = ends(admin, partitions, IsolationLevel.READ_UNCOMMITTED);
    return stable.keySet().stream()
        .filter(ends::containsKey)
        .filter(partition -> stable.get(partition) < ends.get(partition))
        .collect(Collectors.toSet());
  }

  private Map<TopicPartition, Long> ends(
      Admin admin, Set<TopicPartition> partitions, IsolationLevel isolation)
      throws InterruptedException {
    ListOffsetsOptions options = new ListOffsetsOptions(isolation);
    options.timeoutMs(ANSWER_MILLIS);
    ListOffsetsResult result =
        admin.listOffsets(
            partitions.stream()
                .collect(Collectors.toMap(each -> each, each -> OffsetSpec.latest())),
            options);
    Map<TopicPartition, Long> ends = new HashMap<>();
    answers(partitions, result::partitionResult)
        .forEach((partition, end) -> ends.put(partition, end.offset()));
    return ends;
  }

  private Map<Open, ProducerState> open(Admin admin, Set<TopicPartition> behind)
      throws InterruptedException {
    DescribeProducersResult result =
        admin.describeProducers(behind, new DescribeProducersOptions().timeoutMs(ANSWER_MILLIS));
    Map<Open, ProducerState> open = new HashMap<>();
    answers(behind, result::partitionResult)
        .forEach(
            (partition, producers) -> {
              for (ProducerState producer : producers.activeProducers()) {
                producer
                    .currentTransactionStartOffset()
                    .ifPresent(
                        start ->
                            open.put(new Open(partition, producer.producerId(), start), producer));
              }
            });
    return open;
  }

  private Sighting settle(
      Admin admin, Open open, ProducerState producer, Sighting sighting, TransactionLog log)
      throws InterruptedException {
    short epoch = (short) producer.producerEpoch();
    AbortTransactionSpec spec =
        new AbortTransactionSpec(
            open.partition(), open.producerId(), epoch, producer.coordinatorEpoch().orElse(0));
    Outcome outcome = log.outcome(new ProducerEpoch(open.producerId(), epoch), open.partition());
    String words =
        " (%s), which %s"
            .formatted(
                log.transactionalId(open.producerId()).orElse("no transactional id"),
                outcome.words());
    if (outcome == Outcome.ONGOING || outcome == Outcome.PREPARED) {
      if (!words.equals(sighting.what())) {
        LOG.info("Waits: {}", describe(open, sighting) + words);
      }
      return sighting.found(words, false);
    }
    try {
      if (outcome == Outcome.COMMITTED) {
        commitMarker.write(admin, spec);
      } else {
        admin
            .abortTransaction(spec, new AbortTransactionOptions().timeoutMs(ANSWER_MILLIS))
            .all()
            .get();
      }
      LOG.warn("Ended: {}", describe(open, sighting) + words);
      return sighting.found(words, true);
    } catch (ExecutionException failed) {
      return cannotEnd(open, sighting, words, failed.getCause());
    } catch (InterruptException stopped) {
      throw stopped;
    } catch (KafkaException failed) {
      return cannotEnd(open, sighting, words, failed);
    }
  }

  private static Sighting cannotEnd(Open open, Sighting sighting, String words, Throwable failure) {
    if (failure instanceof InvalidProducerEpochException) {
      // Another service has ended it meanwhile, and its producer is at the next transaction there.
      LOG.info("Went on meanwhile: {}", describe(open, sighting) + words);
      return sighting.found(words, false);
    }
    LOG.error(
        "Hangs: {}. It cannot be ended: {}. See FullrankHangingTransaction in docs/operations.md",
        describe(open, sighting) + words,
        Refusals.reason(failure));
    return sighting.found(words, true);
  }

  private static String describe(Open open, Sighting sighting) {
    return "%s%s has been held back for %d s by a transaction of producer %d"
        .formatted(
            open,
            open.partition().topic().equals(Topic.GROUP_METADATA_TOPIC_NAME)
                ? " (unstable offsets)"
                : "",
            sighting.seconds(),
            open.producerId());
  }

  private <K, V> Map<K, V> answers(Set<K> keys, Function<K, KafkaFuture<V>> future)
      throws InterruptedException {
    return answers(keys.stream().collect(Collectors.toMap(key -> key, future)));
  }

  /** Waits for all answers and leaves out those that failed: all of them if the broker goes. */
  private <K, V> Map<K, V> answers(Map<K, KafkaFuture<V>> futures) throws InterruptedException {
    Map<K, V> answers = new HashMap<>();
    for (Map.Entry<K, KafkaFuture<V>> future : futures.entrySet()) {
      try {
        answers.put(future.getKey(), future.getValue().get());
      } catch (ExecutionException failed) {
        if (failed.getCause() instanceof AuthorizationException refusal) {
          tellOnce("Hanging transactions cannot be looked for", future.getKey(), refusal);
        } else {
          LOG.debug("{} is left out", future.getKey(), failed.getCause());
        }
      }
    }
    return answers;
  }

  private void tellOnce(String what, Object where, KafkaException failure) {
    String line = "%s: %s: %s".formatted(what, where, Refusals.reason(failure));
    if (told.add(line)) {
      LOG.warn(line);
    }
  }
}
