package io.fullrank.trainer.publication;

import io.fullrank.messaging.KafkaLife.Pauses;
import io.fullrank.messaging.Refusals;
import io.fullrank.proto.SnapshotChunks;
import io.fullrank.proto.SnapshotId;
import io.fullrank.proto.Topic;
import io.fullrank.proto.v1.RunEvent;
import io.fullrank.proto.v1.Snapshot;
import io.fullrank.proto.v1.SnapshotChunk;
import io.fullrank.service.runtime.VitalTasks;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Sends what runs publish, in order, on a thread of its own: training hands over and goes on,
 * however slow the broker is. Snapshots wait in a bounded queue and are refused when it is full;
 * events are small and always taken. What was taken is retried for as long as the process lives,
 * also if the broker refuses it, since it may be the broker's configuration or a clock that is
 * wrong; only a record that is too large is given up. What was sent together with something that is
 * refused may arrive before it.
 */
public final class RunOutbox implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(RunOutbox.class);
  private static final Duration CLOSE_LIMIT = Duration.ofSeconds(10);
  private static final Pauses PAUSES = new Pauses(Duration.ofMillis(250), Duration.ofSeconds(5));

  private sealed interface Item {}

  private record SnapshotItem(Snapshot snapshot, long bytes) implements Item {}

  private record EventItem(RunEvent event, Runnable delivered) implements Item {}

  private record DeliveryItem(Runnable delivered) implements Item {}

  /** Wakes the thread when something has been refused. */
  private record RefusedItem() implements Item {}

  private record EndItem() implements Item {}

  private record Refusal(Item item, Exception reason) {}

  private final KafkaProducer<String, byte[]> producer;
  private final long capacityBytes;
  private final BlockingQueue<Item> queue = new LinkedBlockingQueue<>();
  // What the broker has refused, until it is sent again.
  private final BlockingQueue<Refusal> refused = new LinkedBlockingQueue<>();
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
   * Returns the settings of the outbox's producer: it never gives up on a record that the broker
   * does not refuse. A snapshot is then either not taken or delivered whole, and no checker sees
   * half of one while the trainer lives.
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
        sendAgain();
        if (item instanceof SnapshotItem snapshot) {
          send(snapshot);
          queuedBytes.addAndGet(-snapshot.bytes());
        } else if (item instanceof EventItem event) {
          if (event.event().hasFinished()) {
            // It ends the run for good, so the broker must have the run's snapshots before it:
            // there is no order among topics, and a trainer that dies in between must leave a run
            // that goes on.
            deliver();
          }
          send(event);
        } else if (item instanceof DeliveryItem delivery) {
          deliver();
          delivery.delivered().run();
        }
      }
      deliver();
    } catch (InterruptedException | InterruptException stopped) {
      closeLimit = Duration.ZERO;
    } finally {
      producer.close(closeLimit);
    }
  }

  /** Returns when the broker has all that was sent, apart from what was given up. */
  private void deliver() throws InterruptedException {
    producer.flush();
    sendAgain();
  }

  /** Sends again what was refused, until nothing is. */
  private void sendAgain() throws InterruptedException {
    Duration pause = PAUSES.shortest();
    boolean told = false;
    while (!refused.isEmpty()) {
      // What follows on its way may be refused, too.
      producer.flush();
      List<Refusal> again = new ArrayList<>();
      refused.drainTo(again);
      if (!told) {
        LOG.warn(
            "the broker refuses {} of the snapshots and events of runs, they are sent again until it takes them: {}",
            again.size(),
            Refusals.reason(again.get(0).reason()));
        told = true;
      }
      Thread.sleep(pause.toMillis());
      for (Refusal refusal : again) {
        if (refusal.item() instanceof SnapshotItem snapshot) {
          send(snapshot);
        } else if (refusal.item() instanceof EventItem event) {
          send(event);
        }
      }
      producer.flush();
      Duration twice = pause.multipliedBy(2);
      pause = twice.compareTo(PAUSES.longest()) < 0 ? twice : PAUSES.longest();
    }
  }

  private void send(SnapshotItem item) {
    SnapshotId id = SnapshotId.of(item.snapshot());
    for (SnapshotChunk chunk :
        SnapshotChunks.split(item.snapshot(), SnapshotChunks.DEFAULT_PAYLOAD_BYTES)) {
      producer.send(
          new ProducerRecord<>(Topic.SNAPSHOTS.name(), chunk.getRun(), chunk.toByteArray()),
          (metadata, failure) -> {
            if (failure != null) {
              refused(item, "%s: chunk %d".formatted(id, chunk.getIndex()), failure);
            }
          });
    }
  }

  private void send(EventItem item) {
    RunEvent event = item.event();
    producer.send(
        new ProducerRecord<>(Topic.PROGRESS.name(), event.getRun(), event.toByteArray()),
        (metadata, failure) -> {
          if (failure == null) {
            item.delivered().run();
          } else {
            refused(item, "run %s: an event".formatted(event.getRun()), failure);
          }
        });
  }

  private void refused(Item item, String what, Exception failure) {
    if (failure instanceof RecordTooLargeException) {
      LOG.error("{} is lost, the broker will never take it", what, failure);
    } else if (refused.stream().noneMatch(known -> known.item() == item)) {
      // A snapshot is sent again as a whole: checkers take chunks in their order only.
      refused.add(new Refusal(item, failure));
      queue.add(new RefusedItem());
    }
  }
}
