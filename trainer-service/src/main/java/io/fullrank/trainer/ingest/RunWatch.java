package io.fullrank.trainer.ingest;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.util.Timestamps;
import io.fullrank.messaging.TopicPartitions;
import io.fullrank.proto.Topic;
import io.fullrank.proto.v1.CheckRecord;
import io.fullrank.proto.v1.RunRequest;
import io.fullrank.trainer.queue.AcceptedRuns.AcceptedRun;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.stream.Stream;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads what others say of runs with an open stream: verdicts, those of before the stream included,
 * and cancellations. One thread polls; the others follow runs.
 */
final class RunWatch {

  /** Hears of one run, on the thread that polls. */
  interface Listener {

    /** Takes what became of a snapshot of the run, in the order of the topic, each once. */
    void checked(CheckRecord record);

    /** Hears that the run was cancelled. */
    void cancelled();
  }

  private static final Logger LOG = LoggerFactory.getLogger(RunWatch.class);

  /** Clocks of the checkers that write verdicts may be behind this machine's. */
  private static final Duration CLOCK_SKEW = Duration.ofHours(1);

  private record Wish(AcceptedRun run, Listener listener) {}

  private static final class Followed {
    private final Listener listener;
    // The first verdict that the listener has not been given; only the thread that polls uses it.
    private long next = Long.MAX_VALUE;

    Followed(Listener listener) {
      this.listener = listener;
    }
  }

  private final KafkaConsumer<String, byte[]> consumer;
  private final Map<String, Followed> followed = new ConcurrentHashMap<>();
  private final Queue<Wish> wishes = new ConcurrentLinkedQueue<>();

  /** Begins at the ends of both topics, which must exist. */
  RunWatch(KafkaConsumer<String, byte[]> consumer) {
    this.consumer = consumer;
    List<TopicPartition> partitions =
        Stream.of(Topic.VERDICTS, Topic.EXPERIMENTS)
            .flatMap(topic -> TopicPartitions.of(consumer, topic.name()).stream())
            .toList();
    consumer.assign(partitions);
    consumer.seekToEnd(partitions);
    // Asking for the positions settles them now, before any run is followed.
    partitions.forEach(consumer::position);
  }

  /**
   * Tells a listener of all verdicts on a run, old and new, and of its cancellation, if that is
   * newer than the request. It replaces the run's listener.
   */
  void follow(AcceptedRun run, Listener listener) {
    followed.put(run.request().getRun(), new Followed(listener));
    wishes.add(new Wish(run, listener));
  }

  /** Tells a listener no more, if it is still the run's. */
  void leave(String run, Listener listener) {
    followed.computeIfPresent(
        run, (name, current) -> current.listener == listener ? null : current);
  }

  /** Reads what there is, waiting for it up to a limit. */
  void poll(Duration limit) {
    try {
      for (Wish wish = wishes.peek(); wish != null; wish = wishes.peek()) {
        goBack(wish);
        wishes.remove();
      }
    } catch (TimeoutException unanswered) {
      // The broker is away. The wish stays the first of them.
      LOG.warn("Verdicts cannot be looked for yet: {}", unanswered.getMessage());
    }
    consumer.poll(limit).forEach(this::deliver);
  }

  // Those who have heard what is read again do not hear it twice.
  private void goBack(Wish wish) {
    RunRequest request = wish.run().request();
    Followed run = followed.get(request.getRun());
    if (run == null || run.listener != wish.listener()) {
      return;
    }
    seekBack(
        new TopicPartition(Topic.EXPERIMENTS.name(), wish.run().partition()),
        wish.run().offset() + 1);
    TopicPartition verdicts = new TopicPartition(Topic.VERDICTS.name(), wish.run().partition());
    long since = Timestamps.toMillis(request.getSubmittedAt()) - CLOCK_SKEW.toMillis();
    OffsetAndTimestamp first = consumer.offsetsForTimes(Map.of(verdicts, since)).get(verdicts);
    run.next = first == null ? consumer.position(verdicts) : first.offset();
    seekBack(verdicts, run.next);
  }

  private void seekBack(TopicPartition partition, long offset) {
    if (offset < consumer.position(partition)) {
      consumer.seek(partition, offset);
    }
  }

  private void deliver(ConsumerRecord<String, byte[]> received) {
    Followed run = received.key() == null ? null : followed.get(received.key());
    if (run == null || received.value() == null) {
      return;
    }
    try {
      if (received.topic().equals(Topic.EXPERIMENTS.name())) {
        if (RunRequest.parseFrom(received.value()).getCancelled()) {
          run.listener.cancelled();
        }
      } else if (received.offset() >= run.next) {
        run.next = received.offset() + 1;
        run.listener.checked(CheckRecord.parseFrom(received.value()));
      }
    } catch (InvalidProtocolBufferException malformed) {
      // Other readers, who read every record, put it among the dead letters.
      LOG.warn(
          "{}-{} offset {} cannot be read: {}",
          received.topic(),
          received.partition(),
          received.offset(),
          malformed.getMessage());
    }
  }
}
