package io.fullrank.checker.verdict;

import io.fullrank.messaging.DeadLetters;
import io.fullrank.proto.SnapshotId;
import io.fullrank.proto.Topic;
import io.fullrank.proto.v1.CheckRecord;
import io.fullrank.proto.v1.SkipReason;
import io.fullrank.proto.v1.SnapshotSkipped;
import io.fullrank.proto.v1.Verdict;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;

/**
 * The verdicts, skips and dead letters that the next transaction publishes, each with the partition
 * of the snapshot it is about. Not thread-safe.
 */
public final class VerdictOutbox {

  private final List<Entry<Verdict>> verdicts = new ArrayList<>();
  private final List<Entry<SnapshotSkipped>> skipped = new ArrayList<>();
  private final List<Entry<ProducerRecord<String, byte[]>>> deadLetters = new ArrayList<>();

  private record Entry<T>(int partition, T message) {}

  public void verdict(int partition, Verdict verdict) {
    verdicts.add(new Entry<>(partition, verdict));
  }

  public void skip(int partition, SnapshotId id, SkipReason reason) {
    skipped.add(
        new Entry<>(
            partition,
            SnapshotSkipped.newBuilder()
                .setRun(id.run())
                .setAttempt(id.attempt())
                .setStep(id.step())
                .setReason(reason)
                .build()));
  }

  public void deadLetter(ConsumerRecord<String, byte[]> unreadable, String reason) {
    deadLetters.add(
        new Entry<>(unreadable.partition(), DeadLetters.of(Topic.SNAPSHOTS, unreadable, reason)));
  }

  public boolean isEmpty() {
    return verdicts.isEmpty() && skipped.isEmpty() && deadLetters.isEmpty();
  }

  /** Drops what is about snapshots of some partitions: whoever reads them now says it. */
  public void forget(Collection<Integer> partitions) {
    verdicts.removeIf(entry -> partitions.contains(entry.partition()));
    skipped.removeIf(entry -> partitions.contains(entry.partition()));
    deadLetters.removeIf(entry -> partitions.contains(entry.partition()));
  }

  public void clear() {
    verdicts.clear();
    skipped.clear();
    deadLetters.clear();
  }

  public List<Verdict> verdicts() {
    return messages(verdicts);
  }

  public List<SnapshotSkipped> skipped() {
    return messages(skipped);
  }

  public int deadLetterCount() {
    return deadLetters.size();
  }

  public List<ProducerRecord<String, byte[]>> records() {
    List<ProducerRecord<String, byte[]>> records = new ArrayList<>(messages(deadLetters));
    for (SnapshotSkipped skip : skipped()) {
      records.add(record(skip.getRun(), CheckRecord.newBuilder().setSkipped(skip).build()));
    }
    for (Verdict verdict : verdicts()) {
      records.add(record(verdict.getRun(), CheckRecord.newBuilder().setVerdict(verdict).build()));
    }
    return records;
  }

  private static <T> List<T> messages(List<Entry<T>> entries) {
    return entries.stream().map(Entry::message).toList();
  }

  private static ProducerRecord<String, byte[]> record(String run, CheckRecord value) {
    return new ProducerRecord<>(Topic.VERDICTS.name(), run, value.toByteArray());
  }
}
