package io.fullrank.metrics.streams;

import io.fullrank.messaging.KafkaConnection;
import io.fullrank.messaging.KafkaLife;
import io.fullrank.messaging.KafkaLife.Pauses;
import io.fullrank.messaging.KafkaUnavailableException;
import io.fullrank.messaging.Refusals;
import io.fullrank.messaging.TopicCreation;
import io.fullrank.metrics.configuration.MetricsConfiguration;
import io.fullrank.metrics.prometheus.CatchUp;
import io.fullrank.metrics.prometheus.FullrankMetrics;
import io.fullrank.metrics.store.HeldPartitions;
import io.fullrank.metrics.store.PartitionStores;
import io.fullrank.metrics.store.RunRecord;
import io.fullrank.proto.Topic;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.TopicConfig;
import org.apache.kafka.common.utils.Utils;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.StreamsMetadata;
import org.apache.kafka.streams.errors.ProcessorStateException;
import org.apache.kafka.streams.errors.StreamsException;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.state.HostInfo;
import org.jboss.logging.Logger;

/**
 * Runs the {@link RunTopology} on Kafka Streams for as long as the service lives, and says which
 * instance holds what. A broker that is absent, or goes, is waited for.
 */
public final class RunStreams {

  private static final Logger LOG = Logger.getLogger(RunStreams.class);
  private static final String CLIENT = "fullrank-metrics";
  private static final long ANSWER_LIMIT_SECONDS = 5;
  private static final Duration PROBE_INTERVAL = Duration.ofMillis(100);
  private static final Duration STOP_LIMIT = Duration.ofSeconds(10);
  // How far before the end of a partition its last record is looked for at first: the marks of
  // transactions lie behind it.
  private static final long TAIL = 64;

  private final KafkaConnection kafka;
  private final MetricsConfiguration configuration;
  private final HostInfo self;
  private final HeldPartitions held;
  private final FullrankMetrics metrics;
  private final CatchUp catchUp;
  private final InstantSource clock;

  private final KafkaLife life;
  private volatile Optional<KafkaStreams> streams = Optional.empty();
  private volatile int partitions;

  /**
   * Prepares to run; nothing is connected yet.
   *
   * @param self where other instances reach this one's gRPC
   * @param clock tells when records are folded, and how long runs have been silent
   */
  public RunStreams(
      KafkaConnection kafka,
      MetricsConfiguration configuration,
      HostInfo self,
      HeldPartitions held,
      FullrankMetrics metrics,
      CatchUp catchUp,
      InstantSource clock) {
    this.kafka = kafka;
    this.configuration = configuration;
    this.self = self;
    this.held = held;
    this.metrics = metrics;
    this.catchUp = catchUp;
    this.clock = clock;
    this.life =
        new KafkaLife(
            "streams-start",
            "Kafka at %s does not answer, waiting for it".formatted(kafka),
            new Pauses(Duration.ofMillis(250), Duration.ofSeconds(1)),
            this::startStreams);
  }

  /**
   * Returns the names of all topics that records are read from: for folding, or to restore stores.
   */
  public static List<String> topics(String group) {
    return Stream.concat(
            RunRecord.SOURCES.stream().map(Topic::name),
            Stream.of(PartitionStores.RUNS, PartitionStores.PROGRESS, PartitionStores.CHECKS)
                .map(store -> "%s-%s-changelog".formatted(group, store)))
        .toList();
  }

  /** Starts; {@link CatchUp} says when the state is complete. */
  public void start() {
    life.start();
  }

  /** Stops and leaves the group, so that other instances take over at once. */
  public void stop() throws InterruptedException {
    life.stop(STOP_LIMIT);
    streams.ifPresent(
        running ->
            running.close(
                org.apache.kafka.streams.CloseOptions.groupMembershipOperation(
                        org.apache.kafka.streams.CloseOptions.GroupMembershipOperation.LEAVE_GROUP)
                    .withTimeout(STOP_LIMIT)));
  }

  /**
   * Returns whether records are folded or will be, once there is a broker: what has failed for good
   * needs a new process.
   */
  public boolean isAlive() {
    return life.isAlive()
        && streams.map(running -> !running.state().hasCompletedShutdown()).orElse(true);
  }

  /** Returns what keeps records from being folded here, in words; empty if nothing does. */
  public Optional<String> waitsFor() {
    if (!catchUp.isDone()) {
      return Optional.of(catchUp.waitingFor());
    }
    return streams
        .map(KafkaStreams::state)
        .filter(state -> state != KafkaStreams.State.RUNNING)
        .map(state -> "Kafka Streams, which is %s: %s".formatted(state, stores()));
  }

  /** Returns how many partitions there are, 0 until that is known. */
  public int partitions() {
    return partitions;
  }

  /** Returns the partition of a run: producers put its records where its name says. */
  public int partitionOf(String run) {
    return Utils.toPositive(Utils.murmur2(run.getBytes(StandardCharsets.UTF_8))) % partitions;
  }

  /**
   * Returns how many records of each topic are yet to be read here, in the partitions that are held
   * here. A topic of which nothing was read yet is left out.
   */
  public Map<String, Long> lag() {
    Set<String> topics = RunRecord.SOURCES.stream().map(Topic::name).collect(Collectors.toSet());
    return streams.stream()
        .flatMap(running -> running.metrics().values().stream())
        .filter(figure -> figure.metricName().name().equals("records-lag"))
        .filter(figure -> topics.contains(figure.metricName().tags().get("topic")))
        .collect(
            Collectors.groupingBy(
                figure -> figure.metricName().tags().get("topic"),
                Collectors.summingLong(figure -> ((Double) figure.metricValue()).longValue())));
  }

  /** Returns the other instances, as far as they are known. */
  public Set<HostInfo> others() {
    Set<HostInfo> all = new HashSet<>();
    instances().forEach(each -> all.add(each.hostInfo()));
    all.remove(self);
    all.remove(HostInfo.unavailable());
    return all;
  }

  /** Returns the other instance that holds a partition, if one is known. */
  public Optional<HostInfo> otherWith(int partition) {
    TopicPartition source = new TopicPartition(Topic.EXPERIMENTS.name(), partition);
    return instances().stream()
        .filter(instance -> instance.topicPartitions().contains(source))
        .map(StreamsMetadata::hostInfo)
        .filter(host -> !host.equals(self))
        .findFirst();
  }

  /** Returns the instances as far as they are known: none once this one stops. */
  private Collection<StreamsMetadata> instances() {
    try {
      return streams.map(KafkaStreams::metadataForAllStreamsClients).orElse(List.of());
    } catch (IllegalStateException stopping) {
      // Callers are told to try again, and find another instance then.
      LOG.debugf("Other instances are not known: %s", stopping.getMessage());
      return List.of();
    }
  }

  private void startStreams(KafkaLife starting) throws InterruptedException {
    catchUp();
    starting.joined();
    starting.awaitStop();
  }

  private void catchUp() throws InterruptedException {
    long begun = System.nanoTime();
    Admin admin = kafka.admin(CLIENT + "-start");
    try {
      String cluster = answer(admin.describeCluster().clusterId());
      catchUp.waitFor("the topics");
      ensureTopics(admin);
      catchUp.waitFor("the last records of the topics");
      Map<TopicPartition, Long> ahead = lastRecords(admin);
      if (streams.isEmpty()) {
        // A folder for each cluster: the stores of one mean nothing to another.
        streams = Optional.of(startedIn(configuration.stateDirectory().resolve(cluster)));
      }
      awaitFolded(admin, ahead);
      if (life.isStopping()) {
        return;
      }
      catchUp.complete();
      LOG.infof("Caught up in %.1f s", (System.nanoTime() - begun) / 1e9);
    } finally {
      // Otherwise it waits a minute for the answers of a broker that is away.
      admin.close(Duration.ZERO);
    }
  }

  /**
   * Starts to fold. A process that died while it deleted a store has left parts of one, which
   * cannot be opened. Then all state is deleted, and the next attempt makes it anew from Kafka.
   */
  private KafkaStreams startedIn(Path stateDirectory) {
    KafkaStreams created =
        new KafkaStreams(RunTopology.of(held, metrics, clock), properties(stateDirectory));
    created.setUncaughtExceptionHandler(RunStreams::replaceThread);
    try {
      created.start();
      return created;
    } catch (StreamsException failed) {
      created.close(STOP_LIMIT);
      if (failed instanceof ProcessorStateException) {
        LOG.warnf(
            "The state in %s cannot be opened and is made anew: %s",
            stateDirectory, Refusals.reason(failed));
        created.cleanUp();
      }
      throw failed;
    }
  }

  private Properties properties(Path stateDirectory) {
    Properties properties = new Properties();
    properties.putAll(kafka.clientProperties());
    properties.put(StreamsConfig.APPLICATION_ID_CONFIG, configuration.group());
    properties.put(StreamsConfig.APPLICATION_SERVER_CONFIG, self.host() + ":" + self.port());
    properties.put(StreamsConfig.STATE_DIR_CONFIG, stateDirectory.toString());
    properties.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
    properties.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, configuration.threads());
    properties.put(StreamsConfig.NUM_STANDBY_REPLICAS_CONFIG, configuration.standbyReplicas());
    properties.put(StreamsConfig.ROCKSDB_CONFIG_SETTER_CLASS_CONFIG, RocksDbMemory.class);
    properties.put(RocksDbMemory.LIMITS, RocksDbMemory.Limits.of(configuration.storeMemoryBytes()));
    properties.put(StreamsConfig.producerPrefix(ProducerConfig.COMPRESSION_TYPE_CONFIG), "zstd");
    // As for all other producers, and for the same reason: what is sent again comes out of order.
    properties.put(
        StreamsConfig.producerPrefix(ProducerConfig.MAX_IN_FLIGHT_REQUESTS_PER_CONNECTION), 1);
    // A dead letter is as large as the record that it holds.
    properties.put(
        StreamsConfig.producerPrefix(ProducerConfig.MAX_REQUEST_SIZE_CONFIG),
        KafkaConnection.MAX_REQUEST_BYTES);
    // What is known of a run is folded from records of up to a mebibyte, and their number is
    // bounded: it fits into a request. By default its changelog takes a mebibyte.
    properties.put(
        StreamsConfig.topicPrefix(TopicConfig.MAX_MESSAGE_BYTES_CONFIG),
        KafkaConnection.MAX_REQUEST_BYTES);
    // A record that is not delivered holds up the whole group until it is given up, which is two
    // minutes by default; its transaction is aborted after ten seconds anyway, and folded again.
    properties.putIfAbsent(
        StreamsConfig.producerPrefix(ProducerConfig.REQUEST_TIMEOUT_MS_CONFIG), 10_000);
    properties.putIfAbsent(
        StreamsConfig.producerPrefix(ProducerConfig.DELIVERY_TIMEOUT_MS_CONFIG), 30_000);
    // An instance that died is given up after so long: the least that brokers allow by default.
    properties.putIfAbsent(ConsumerConfig.SESSION_TIMEOUT_MS_CONFIG, 6000);
    properties.putIfAbsent(ConsumerConfig.HEARTBEAT_INTERVAL_MS_CONFIG, 1500);
    return properties;
  }

  private static StreamThreadExceptionResponse replaceThread(Throwable failure) {
    if (Refusals.isPassing(failure)) {
      LOG.warnf("Folding records begins again where it was: %s", Refusals.reason(failure));
    } else {
      LOG.error("Folding records failed and begins again where it was", failure);
    }
    return StreamThreadExceptionResponse.REPLACE_THREAD;
  }

  private void ensureTopics(Admin admin) throws InterruptedException {
    List<Topic> wanted =
        RunRecord.SOURCES.stream().flatMap(topic -> Stream.of(topic, topic.deadLetters())).toList();
    List<String> names = wanted.stream().map(Topic::name).toList();
    Set<String> present = answer(admin.listTopics().names());
    while (!present.containsAll(names)) {
      Set<String> there = present;
      TopicCreation.ensure(
          admin, wanted.stream().filter(topic -> !there.contains(topic.name())).toList());
      // A topic just created takes a moment to show.
      life.pause(PROBE_INTERVAL);
      present = answer(admin.listTopics().names());
    }
    Map<String, TopicDescription> described =
        answer(
            admin
                .describeTopics(RunRecord.SOURCES.stream().map(Topic::name).toList())
                .allTopicNames());
    Map<String, Integer> sizes =
        described.values().stream()
            .collect(Collectors.toMap(TopicDescription::name, topic -> topic.partitions().size()));
    if (Set.copyOf(sizes.values()).size() != 1) {
      throw new KafkaException(
          "the topics must have the same number of partitions, but they have " + sizes);
    }
    partitions = sizes.values().iterator().next();
  }

  private List<TopicPartition> sources() {
    return RunRecord.SOURCES.stream()
        .flatMap(
            topic ->
                IntStream.range(0, partitions)
                    .mapToObj(partition -> new TopicPartition(topic.name(), partition)))
        .toList();
  }

  /** Returns the offset of the last record of each partition that is yet to be folded. */
  private Map<TopicPartition, Long> lastRecords(Admin admin) throws InterruptedException {
    Map<TopicPartition, Long> committed = committed(admin);
    Map<TopicPartition, Long> last = new HashMap<>();
    try (Closing consumer = new Closing(kafka.consumer(CLIENT + "-end", Map.of()))) {
      Map<TopicPartition, Long> starts = consumer.get().beginningOffsets(sources());
      Map<TopicPartition, Long> ends = consumer.get().endOffsets(sources());
      for (TopicPartition partition : sources()) {
        long end = ends.get(partition);
        long from = Math.max(starts.get(partition), committed.getOrDefault(partition, 0L));
        for (long tail = TAIL; from < end && !last.containsKey(partition); tail *= 8) {
          long begin = Math.max(from, end - tail);
          lastRecord(consumer.get(), partition, begin, end)
              .ifPresent(offset -> last.put(partition, offset));
          if (begin == from) {
            break;
          }
        }
      }
    }
    return last;
  }

  private static Optional<Long> lastRecord(
      KafkaConsumer<String, byte[]> consumer, TopicPartition partition, long begin, long end) {
    consumer.assign(List.of(partition));
    consumer.seek(partition, begin);
    Optional<Long> last = Optional.empty();
    while (consumer.position(partition) < end) {
      for (ConsumerRecord<String, byte[]> record : consumer.poll(PROBE_INTERVAL)) {
        last = Optional.of(record.offset());
      }
    }
    return last;
  }

  // By this instance and by others: what the group has committed is in the stores.
  private void awaitFolded(Admin admin, Map<TopicPartition, Long> last)
      throws InterruptedException {
    while (!life.isStopping()) {
      KafkaStreams.State state = streams.orElseThrow().state();
      Map<TopicPartition, Long> committed = last.isEmpty() ? Map.of() : committed(admin);
      long left =
          last.entrySet().stream()
              .mapToLong(
                  record ->
                      Math.max(
                          0, record.getValue() + 1 - committed.getOrDefault(record.getKey(), 0L)))
              .sum();
      if (left == 0 && state == KafkaStreams.State.RUNNING) {
        return;
      }
      catchUp.waitFor(left > 0 ? "%d records still to be read".formatted(left) : stores());
      life.pause(PROBE_INTERVAL);
    }
  }

  private String stores() {
    return "the state stores of %d of %d partitions"
        .formatted(partitions - held.numbers().size(), partitions);
  }

  private Map<TopicPartition, Long> committed(Admin admin) throws InterruptedException {
    Map<TopicPartition, OffsetAndMetadata> offsets =
        answer(
            admin.listConsumerGroupOffsets(configuration.group()).partitionsToOffsetAndMetadata());
    Map<TopicPartition, Long> committed = new HashMap<>();
    offsets.forEach(
        (partition, offset) -> {
          if (offset != null) {
            committed.put(partition, offset.offset());
          }
        });
    return committed;
  }

  private static <T> T answer(KafkaFuture<T> future) throws InterruptedException {
    try {
      return future.get(ANSWER_LIMIT_SECONDS, TimeUnit.SECONDS);
    } catch (ExecutionException failed) {
      throw new KafkaUnavailableException(failed.getCause().getMessage(), failed.getCause());
    } catch (TimeoutException silence) {
      throw new KafkaUnavailableException(
          "no answer within %d s".formatted(ANSWER_LIMIT_SECONDS), silence);
    }
  }

  /** A consumer that is closed without waiting. */
  private record Closing(KafkaConsumer<String, byte[]> get) implements AutoCloseable {
    @Override
    public void close() {
      // Left set, the interruption of stop() would keep the consumer from closing its connections.
      boolean interrupted = Thread.interrupted();
      get.close(CloseOptions.timeout(Duration.ZERO));
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
