package io.fullrank.messaging;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.fullrank.kafka.EmbeddedKafka;
import io.fullrank.testsupport.kafka.StoppedBroker;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.AbortTransactionSpec;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.ProducerState;
import org.apache.kafka.clients.admin.TransactionState;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InvalidProducerEpochException;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A broker that was killed and has lost the markers of transactions, by what readers of committed
 * records see then. Several watches look at the same time, as several services do.
 */
class HangingTransactionsTest {

  private static final Duration LIMIT = Duration.ofSeconds(60);
  private static final int PARTITIONS = 2;
  private static final int COORDINATORS = 4;

  // Transactional ids, each with a topic of the same name, and a group but for the last.
  private static final String COMMITTED = "committed";
  private static final String BEGUN_ANEW = "begun-anew";
  private static final String ABORTED = "aborted";
  private static final String FORGOTTEN = "forgotten";
  private static final String ONGOING = "ongoing";
  private static final List<String> ALL =
      List.of(COMMITTED, BEGUN_ANEW, ABORTED, FORGOTTEN, ONGOING);

  @TempDir static Path folder;

  private static EmbeddedKafka broker;
  private static KafkaConnection kafka;
  private static Admin admin;
  private static KafkaProducer<String, byte[]> goingOn;
  private static final List<HangingTransactions> transactions = new ArrayList<>();
  private static final List<BrokerWatch> watches = new ArrayList<>();

  @BeforeAll
  static void leaveTransactionsHanging() throws Exception {
    broker = EmbeddedKafka.start(folder, 0);
    kafka = KafkaConnection.to(broker.bootstrapServers());
    admin = kafka.admin("test");
    admin
        .createTopics(ALL.stream().map(name -> new NewTopic(name, PARTITIONS, (short) 1)).toList())
        .all()
        .get();
    for (String name : List.of(COMMITTED, BEGUN_ANEW, ABORTED, FORGOTTEN)) {
      try (KafkaProducer<String, byte[]> producer = producer(name)) {
        producer.initTransactions();
        transact(producer, name, "first", 1);
        producer.commitTransaction();
        transact(producer, name, "second", 2);
        if (name.equals(ABORTED)) {
          producer.abortTransaction();
        } else {
          producer.commitTransaction();
        }
      }
    }
    goingOn = producer(ONGOING);
    goingOn.initTransactions();
    transact(goingOn, ONGOING, "first", 1);
    // The next transaction cannot begin before the markers of the one before are written.
    for (String name : List.of(COMMITTED, BEGUN_ANEW, ABORTED, FORGOTTEN)) {
      await().atMost(LIMIT).until(() -> isComplete(name));
    }

    broker.kill();
    StoppedBroker stopped = new StoppedBroker(folder);
    assertThat(stopped.loseLastMarkers(partition -> !partition.startsWith(ONGOING)))
        .hasSize((ALL.size() - 1) * (PARTITIONS + 1));
    stopped.forget(FORGOTTEN, COORDINATORS);
    broker = EmbeddedKafka.start(folder, Integer.parseInt(kafka.bootstrapServers().split(":")[1]));

    // As a service does when it starts: its coordinator knows of an empty transaction then.
    try (KafkaProducer<String, byte[]> producer = producer(BEGUN_ANEW)) {
      producer.initTransactions();
    }
    assertThat(state(BEGUN_ANEW)).isEqualTo(TransactionState.EMPTY);
    assertThat(state(COMMITTED)).isEqualTo(TransactionState.COMPLETE_COMMIT);
    for (String name : List.of(COMMITTED, BEGUN_ANEW, ABORTED, FORGOTTEN)) {
      assertThat(committed(name, 0)).as("held back").containsExactly("first");
    }

    for (String name : List.of(COMMITTED, BEGUN_ANEW, ABORTED)) {
      HangingTransactions each = new HangingTransactions(kafka, "watch-" + name, ALL, group(name));
      transactions.add(each);
      watches.add(new BrokerWatch(kafka, "watch-" + name, each, Optional::empty, answering -> {}));
    }
  }

  @AfterAll
  static void stop() throws Exception {
    for (BrokerWatch watch : watches) {
      watch.close();
    }
    goingOn.close(Duration.ZERO);
    admin.close(Duration.ZERO);
    broker.close();
  }

  @Test
  void commitsWhatWasCommitted() {
    assertSeen(COMMITTED, "first", "second");
    assertThat(offset(COMMITTED)).isEqualTo(2);
  }

  @Test
  void commitsWhatWasCommittedAlthoughItsProducerHasBegunAnew() {
    assertSeen(BEGUN_ANEW, "first", "second");
    assertThat(offset(BEGUN_ANEW)).isEqualTo(2);
  }

  @Test
  void abortsWhatWasAborted() {
    assertPassed(ABORTED);
    assertThat(offset(ABORTED)).isEqualTo(1);
  }

  @Test
  void abortsWhatNoCoordinatorKnows() {
    assertPassed(FORGOTTEN);
  }

  @Test
  void leavesATransactionAloneThatGoesOn() {
    await()
        .atMost(LIMIT)
        .untilAsserted(
            () ->
                assertThat(watches.get(0).waitsFor())
                    .contains("ongoing-0 from offset 0 on has been held back for ")
                    .contains(" (ongoing), which goes on"));
    goingOn.commitTransaction();
    assertSeen(ONGOING, "first");
    await()
        .atMost(LIMIT)
        .untilAsserted(
            () -> {
              assertThat(transactions).allMatch(each -> each.count() == 0);
              assertThat(transactions).allMatch(each -> each.standstill().isEmpty());
            });
  }

  /** A marker that comes late, since another service was faster, ends no later transaction. */
  @Test
  void aMarkerThatComesLateIsRefused() throws Exception {
    String topic = "overtaken";
    admin.createTopics(List.of(new NewTopic(topic, PARTITIONS, (short) 1))).all().get();
    try (KafkaProducer<String, byte[]> first = producer(topic)) {
      first.initTransactions();
      first.beginTransaction();
      send(first, topic, 0, "first");
      first.flush();
      ProducerState open = writer(topic);
      first.commitTransaction();
      try (KafkaProducer<String, byte[]> second = producer(topic)) {
        second.initTransactions();
        second.beginTransaction();
        send(second, topic, 0, "second");
        second.flush();

        AbortTransactionSpec late =
            new AbortTransactionSpec(
                new TopicPartition(topic, 0),
                open.producerId(),
                (short) open.producerEpoch(),
                open.coordinatorEpoch().orElse(0));
        assertThatThrownBy(() -> new CommitMarker(kafka, "late").write(admin, late))
            .isInstanceOf(InvalidProducerEpochException.class);

        assertThat(committed(topic, 0)).containsExactly("first");
        second.commitTransaction();
      }
    }
    assertThat(committed(topic, 0)).containsExactly("first", "second");
  }

  private static ProducerState writer(String topic) throws Exception {
    TopicPartition partition = new TopicPartition(topic, 0);
    return admin
        .describeProducers(List.of(partition))
        .partitionResult(partition)
        .get()
        .activeProducers()
        .get(0);
  }

  private static void assertSeen(String topic, String... values) {
    for (int partition = 0; partition < PARTITIONS; partition++) {
      int number = partition;
      await()
          .atMost(LIMIT)
          .untilAsserted(() -> assertThat(committed(topic, number)).containsExactly(values));
    }
  }

  /** Readers of committed records go on behind a transaction, and see nothing of it. */
  private static void assertPassed(String topic) {
    try (KafkaProducer<String, byte[]> producer = kafka.producer("after", Map.of())) {
      for (int partition = 0; partition < PARTITIONS; partition++) {
        send(producer, topic, partition, "after");
      }
    }
    assertSeen(topic, "first", "after");
  }

  private static KafkaProducer<String, byte[]> producer(String id) {
    return kafka.producer(
        id,
        Map.of(
            ProducerConfig.TRANSACTIONAL_ID_CONFIG,
            id,
            ProducerConfig.TRANSACTION_TIMEOUT_CONFIG,
            600_000));
  }

  private static void transact(
      KafkaProducer<String, byte[]> producer, String name, String value, long offset) {
    producer.beginTransaction();
    for (int partition = 0; partition < PARTITIONS; partition++) {
      send(producer, name, partition, value);
    }
    if (!name.equals(ONGOING)) {
      producer.sendOffsetsToTransaction(
          Map.of(new TopicPartition(name, 0), new OffsetAndMetadata(offset)),
          new ConsumerGroupMetadata(group(name)));
    }
    producer.flush();
  }

  /** Returns a group whose offsets are in a partition of their own. */
  private static String group(String name) {
    return IntStream.iterate(0, number -> number + 1)
        .mapToObj(number -> name + number)
        .filter(group -> Math.abs(group.hashCode()) % COORDINATORS == ALL.indexOf(name))
        .findFirst()
        .orElseThrow();
  }

  private static void send(
      KafkaProducer<String, byte[]> producer, String topic, int partition, String value) {
    var unused =
        producer.send(
            new ProducerRecord<>(topic, partition, "k", value.getBytes(StandardCharsets.UTF_8)));
  }

  private static TransactionState state(String id) throws Exception {
    return admin.describeTransactions(List.of(id)).description(id).get().state();
  }

  private static boolean isComplete(String id) throws Exception {
    TransactionState state = state(id);
    return state == TransactionState.COMPLETE_COMMIT || state == TransactionState.COMPLETE_ABORT;
  }

  private static long offset(String topic) {
    TopicPartition partition = new TopicPartition(topic, 0);
    try (KafkaConsumer<String, byte[]> consumer =
        kafka.consumer("offset", Map.of(ConsumerConfig.GROUP_ID_CONFIG, group(topic)))) {
      return consumer.committed(Set.of(partition), LIMIT).get(partition).offset();
    }
  }

  private static List<String> committed(String topic, int number) {
    TopicPartition partition = new TopicPartition(topic, number);
    try (KafkaConsumer<String, byte[]> consumer = kafka.consumer("reader", Map.of())) {
      consumer.assign(List.of(partition));
      long end = consumer.endOffsets(List.of(partition)).get(partition);
      List<String> values = new ArrayList<>();
      while (consumer.position(partition) < end) {
        consumer
            .poll(Duration.ofSeconds(1))
            .forEach(record -> values.add(new String(record.value(), StandardCharsets.UTF_8)));
      }
      return values;
    }
  }
}
