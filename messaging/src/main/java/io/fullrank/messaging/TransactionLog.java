package io.fullrank.messaging;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.apache.kafka.clients.admin.TransactionState;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.errors.UnsupportedVersionException;
import org.apache.kafka.common.internals.Topic;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.utils.ByteUtils;

/**
 * What the transaction coordinators have written about transactions: the topic {@code
 * __transaction_state}, which they read themselves when they start. Unlike {@code
 * describeTransactions}, it still tells how a transaction was decided after its producer has
 * started again, which sets the state of its transactional id to {@code Empty}, whatever it was
 * before.
 */
final class TransactionLog {

  private static final Duration POLL = Duration.ofMillis(200);

  // In the order of the numbers that the log has for them.
  private static final List<TransactionState> STATES =
      List.of(
          TransactionState.EMPTY,
          TransactionState.ONGOING,
          TransactionState.PREPARE_COMMIT,
          TransactionState.PREPARE_ABORT,
          TransactionState.COMPLETE_COMMIT,
          TransactionState.COMPLETE_ABORT);

  /** What has become of a transaction, as far as the log says. */
  enum Outcome {
    /** Its producer may still write. */
    ONGOING("goes on"),
    /** Its coordinator is about to write its markers. */
    PREPARED("its coordinator is about to end"),
    COMMITTED("was committed, but there is no marker of that"),
    ABORTED("was aborted, but there is no marker of that"),
    FORGOTTEN("no coordinator knows any more");

    private final String words;

    Outcome(String words) {
      this.words = words;
    }

    /** Returns the words that complete "a transaction, which". */
    String words() {
      return words;
    }
  }

  /**
   * A record of the log.
   *
   * @param partitions those of the transaction; none once it is complete
   */
  record Entry(
      long producerId, short epoch, TransactionState state, Set<TopicPartition> partitions) {

    boolean tellsOf(ProducerEpoch producer, TopicPartition partition) {
      return producerId == producer.id()
          && epoch >= producer.epoch()
          && partitions.contains(partition);
    }

    // Since Kafka 4.0 the decision raises the epoch by one, so that each transaction has its own.
    boolean ended(ProducerEpoch producer) {
      return producerId == producer.id() && epoch == producer.epoch() + 1;
    }
  }

  /** A producer, and its epoch when it wrote. */
  record ProducerEpoch(long id, short epoch) {}

  private final Map<String, List<Entry>> entries;

  TransactionLog(Map<String, List<Entry>> entries) {
    this.entries = entries;
  }

  /**
   * Reads all that the log says now.
   *
   * @param limit how long that may take
   * @throws org.apache.kafka.common.KafkaException if it cannot be read
   */
  static TransactionLog read(KafkaConnection kafka, String clientId, Duration limit) {
    Map<String, Object> properties = new HashMap<>(kafka.clientProperties());
    properties.put(ConsumerConfig.CLIENT_ID_CONFIG, clientId);
    properties.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, false);
    properties.put(ConsumerConfig.ALLOW_AUTO_CREATE_TOPICS_CONFIG, false);
    properties.put(ConsumerConfig.DEFAULT_API_TIMEOUT_MS_CONFIG, Math.toIntExact(limit.toMillis()));
    long deadline = System.nanoTime() + limit.toNanos();
    Map<String, List<Entry>> entries = new HashMap<>();
    KafkaConsumer<byte[], byte[]> consumer =
        new KafkaConsumer<>(properties, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    try {
      List<TopicPartition> partitions =
          consumer.partitionsFor(Topic.TRANSACTION_STATE_TOPIC_NAME).stream()
              .map(partition -> new TopicPartition(partition.topic(), partition.partition()))
              .toList();
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
      while (partitions.stream().anyMatch(each -> consumer.position(each) < ends.get(each))) {
        if (System.nanoTime() > deadline) {
          throw new TimeoutException("not read within %d s".formatted(limit.toSeconds()));
        }
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(POLL)) {
          if (record.value() != null) {
            transactionalId(record.key())
                .ifPresent(
                    id ->
                        entries
                            .computeIfAbsent(id, first -> new ArrayList<>())
                            .add(entry(record.value())));
          }
        }
      }
    } finally {
      consumer.close(CloseOptions.timeout(Duration.ZERO));
    }
    return new TransactionLog(entries);
  }

  /** Returns the transactional id that a producer id belongs to or belonged to. */
  Optional<String> transactionalId(long producerId) {
    return entries.entrySet().stream()
        .filter(id -> id.getValue().stream().anyMatch(entry -> entry.producerId() == producerId))
        .map(Map.Entry::getKey)
        .findFirst();
  }

  /**
   * Returns what has become of the last transaction in which a producer wrote to a partition.
   *
   * @param producer with the epoch that it had when it last wrote to the partition
   */
  Outcome outcome(ProducerEpoch producer, TopicPartition partition) {
    List<Entry> history = transactionalId(producer.id()).map(entries::get).orElseGet(List::of);
    for (int i = history.size() - 1; i >= 0; i--) {
      if (history.get(i).tellsOf(producer, partition)) {
        return i == history.size() - 1 ? undecided(history.get(i)) : decided(history.get(i));
      }
    }
    // Compaction leaves only the last record of old transactions, which names no partitions.
    return history.stream()
        .findFirst()
        .filter(oldest -> oldest.ended(producer))
        .map(TransactionLog::decided)
        .orElse(Outcome.FORGOTTEN);
  }

  private static Outcome undecided(Entry latest) {
    return latest.state() == TransactionState.ONGOING ? Outcome.ONGOING : Outcome.PREPARED;
  }

  private static Outcome decided(Entry entry) {
    return switch (entry.state()) {
      case PREPARE_COMMIT, COMPLETE_COMMIT -> Outcome.COMMITTED;
      case PREPARE_ABORT, COMPLETE_ABORT -> Outcome.ABORTED;
      default -> Outcome.FORGOTTEN;
    };
  }

  private static Optional<String> transactionalId(byte[] key) {
    ByteBuffer bytes = ByteBuffer.wrap(key);
    return bytes.getShort() == 0 ? Optional.of(text(bytes, bytes.getShort())) : Optional.empty();
  }

  // The fields after the partitions are not needed here.
  private static Entry entry(byte[] value) {
    ByteBuffer bytes = ByteBuffer.wrap(value);
    short version = bytes.getShort();
    if (version > 1) {
      throw new UnsupportedVersionException("its records have version " + version);
    }
    long producerId = bytes.getLong();
    short epoch = bytes.getShort();
    bytes.position(bytes.position() + Integer.BYTES); // the transaction's timeout
    return new Entry(producerId, epoch, STATES.get(bytes.get()), partitions(bytes, version > 0));
  }

  private static Set<TopicPartition> partitions(ByteBuffer bytes, boolean compact) {
    Set<TopicPartition> partitions = new HashSet<>();
    int topics = length(bytes, compact);
    for (int i = 0; i < topics; i++) {
      String topic = text(bytes, compact ? length(bytes, true) : bytes.getShort());
      int count = length(bytes, compact);
      for (int j = 0; j < count; j++) {
        partitions.add(new TopicPartition(topic, bytes.getInt()));
      }
      if (compact) {
        skipTaggedFields(bytes);
      }
    }
    return partitions;
  }

  // The length of an array; -1 if there is none.
  private static int length(ByteBuffer bytes, boolean compact) {
    return compact ? ByteUtils.readUnsignedVarint(bytes) - 1 : bytes.getInt();
  }

  private static String text(ByteBuffer bytes, int length) {
    byte[] text = new byte[length];
    bytes.get(text);
    return new String(text, StandardCharsets.UTF_8);
  }

  private static void skipTaggedFields(ByteBuffer bytes) {
    int fields = ByteUtils.readUnsignedVarint(bytes);
    for (int i = 0; i < fields; i++) {
      ByteUtils.readUnsignedVarint(bytes); // the tag
      int size = ByteUtils.readUnsignedVarint(bytes);
      bytes.position(bytes.position() + size);
    }
  }
}
