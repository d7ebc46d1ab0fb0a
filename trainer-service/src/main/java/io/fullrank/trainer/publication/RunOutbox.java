package io.fullrank.trainer.publication;

import io.fullrank.proto.SnapshotChunks;
import io.fullrank.proto.SnapshotId;
import io.fullrank.proto.Topic;
import io.fullrank.proto.v1.RunEvent;
import io.fullrank.proto.v1.Snapshot;
import io.fullrank.proto.v1.SnapshotChunk;
import io.fullrank.service.runtime.VitalTasks;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.errors.InterruptException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Sends what runs publish, in order, on a thread of its own: training hands over and goes on,
 * however slow the broker is. Snapshots wait in a bounded queue and are refused when it is full;
 * events are small and always taken. What was taken is retried for as long as the process lives.
 */
public final class RunOutbox implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(RunOutbox.class);
  private static final Duration CLOSE_LIMIT = Duration.ofSeconds(10);

  private sealed interface Item {}

  private record SnapshotItem(Snapshot snapshot, long bytes) implements Item {}

  private record EventItem(RunEvent event, Runnable delivered) implements Item {}

  private record DeliveryItem(Runnable delivered) implements Item {}

  private record EndItem() implements Item {}

  private final KafkaProducer<String, byte[]> producer;
  private final long capacityBytes;
  private final BlockingQueue<Item> queue = new LinkedBlockingQueue<>();
  private final AtomicLong queuedBytes = new AtomicLong();
  private final VitalTasks tasks = new VitalTasks("The outbox");
  private final Thread thread;

  /**
   * Starts the outbox.
   *
   * @param producer sends; closed with the outbox; see {@link #producerOverrides}
   * @param capacityBytes how many bytes of snapshots may wait
   */
  public RunOutbox(KafkaProducer<String, byte[]> producer, long capacityBytes) {
    this.producer = producer;
    this.capacityBytes = capacityBytes;
    this.thread = new Thread(tasks.guard(this::send), "outbox");
    thread.start();
  }

  /**
   * Returns the settings of the outbox's producer: it never gives up on a record. A snapshot is
   * then either refused before its first chunk or delivered whole, and no checker sees half of one
   * while the trainer lives.
   */
  public static Map<String, Object> producerOverrides() {
    return Map.of(
        ProducerConfig.DELIVERY_TIMEOUT_MS_CONFIG,
        Integer.MAX_VALUE,
        ProducerConfig.MAX_BLOCK_MS_CONFIG,
        Long.MAX_VALUE,
        ProducerConfig.LINGER_MS_CONFIG,
        5,
        ProducerConfig.BATCH_SIZE_CONFIG,
        1 << 20,
        ProducerConfig.BUFFER_MEMORY_CONFIG,
        64L << 20);
  }

  /** Returns whether the queue has room; asked before a snapshot is copied. */
  public boolean hasRoom() {
    return queuedBytes.get() < capacityBytes;
  }

  /** Returns whether what is taken will be sent, once the broker takes it. */
  public boolean isAlive() {
    return tasks.isAlive();
  }

  /** Returns the bytes of snapshots that wait. */
  public long queuedBytes() {
    return queuedBytes.get();
  }

  /** Takes a snapshot, whether there is room or not: the caller has asked, or cannot do without. */
  public void snapshot(Snapshot snapshot) {
    long bytes = snapshot.getSerializedSize();
    queuedBytes.addAndGet(bytes);
    queue.add(new SnapshotItem(snapshot, bytes));
  }

  /**
   * Takes an event.
   *
   * @param event sent after all that was taken before it
   * @param delivered called once the broker has the event
   */
  public void event(RunEvent event, Runnable delivered) {
    queue.add(new EventItem(event, delivered));
  }

  /**
   * Calls back once the broker has all that was taken before; never, if that does not happen while
   * the outbox is open.
   *
   * @param delivered short: nothing is sent meanwhile
   */
  public void afterDelivery(Runnable delivered) {
    queue.add(new DeliveryItem(delivered));
  }

  /** Sends what was taken as far as the broker allows within ten seconds, then stops. */
  @Override
  public void close() throws InterruptedException {
    queue.add(new EndItem());
    thread.join(CLOSE_LIMIT.toMillis());
    if (thread.isAlive()) {
      LOG.warn(
          "the broker did not take everything: {} items, {} bytes of snapshots are lost",
          queue.size(),
          queuedBytes.get());
      thread.interrupt();
      thread.join();
    }
  }

  private void send() {
    Duration closeLimit = CLOSE_LIMIT;
    try {
      for (Item item = queue.take(); !(item instanceof EndItem); item = queue.take()) {
        if (item instanceof SnapshotItem snapshot) {
          send(snapshot.snapshot());
          queuedBytes.addAndGet(-snapshot.bytes());
        } else if (item instanceof EventItem event) {
          send(event);
        } else if (item instanceof DeliveryItem delivery) {
          producer.flush();
          delivery.delivered().run();
        }
      }
    } catch (InterruptedException | InterruptException stopped) {
      closeLimit = Duration.ZERO;
    } finally {
      producer.close(closeLimit);
    }
  }

  private void send(Snapshot snapshot) {
    SnapshotId id = SnapshotId.of(snapshot);
    for (SnapshotChunk chunk :
        SnapshotChunks.split(snapshot, SnapshotChunks.DEFAULT_PAYLOAD_BYTES)) {
      producer.send(
          new ProducerRecord<>(Topic.SNAPSHOTS.name(), chunk.getRun(), chunk.toByteArray()),
          (metadata, failure) -> {
            if (failure != null) {
              LOG.error("{}: chunk {} was refused", id, chunk.getIndex(), failure);
            }
          });
    }
  }

  private void send(EventItem item) {
    RunEvent event = item.event();
    if (event.hasFinished()) {
      // It ends the run for good, so the broker must have the run's snapshots before it: there is
      // no order among topics, and a trainer that dies in between must leave a run that goes on.
      producer.flush();
    }
    producer.send(
        new ProducerRecord<>(Topic.PROGRESS.name(), event.getRun(), event.toByteArray()),
        (metadata, failure) -> {
          if (failure == null) {
            item.delivered().run();
          } else {
            LOG.error("run {}: an event was refused", event.getRun(), failure);
          }
        });
  }
}
