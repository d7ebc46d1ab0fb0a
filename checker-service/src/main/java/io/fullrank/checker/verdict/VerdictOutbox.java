package io.fullrank.checker.verdict;

import io.fullrank.messaging.DeadLetters;
import io.fullrank.proto.SnapshotId;
import io.fullrank.proto.Topic;
import io.fullrank.proto.v1.CheckRecord;
import io.fullrank.proto.v1.SkipReason;
import io.fullrank.proto.v1.SnapshotSkipped;
import io.fullrank.proto.v1.Verdict;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;

/** The verdicts, skips and dead letters that the next transaction publishes. Not thread-safe. */
public final class VerdictOutbox {

  private final List<Verdict> verdicts = new ArrayList<>();
  private final List<SnapshotSkipped> skipped = new ArrayList<>();
  private final List<ProducerRecord<String, byte[]>> deadLetters = new ArrayList<>();

  public void verdict(Verdict verdict) {
    verdicts.add(verdict);
  }

  public void skip(SnapshotId id, SkipReason reason) {
    skipped.add(
        SnapshotSkipped.newBuilder()
            .setRun(id.run())
            .setAttempt(id.attempt())
            .setStep(id.step())
            .setReason(reason)
            .build());
  }

  public void deadLetter(ConsumerRecord<String, byte[]> unreadable, String reason) {
    deadLetters.add(DeadLetters.of(Topic.SNAPSHOTS, unreadable, reason));
  }

  public boolean isEmpty() {
    return verdicts.isEmpty() && skipped.isEmpty() && deadLetters.isEmpty();
  }

  public void clear() {
    verdicts.clear();
    skipped.clear();
    deadLetters.clear();
  }

  public List<Verdict> verdicts() {
    return verdicts;
  }

  public List<SnapshotSkipped> skipped() {
    return skipped;
  }

  public int deadLetterCount() {
    return deadLetters.size();
  }

  public List<ProducerRecord<String, byte[]>> records() {
    List<ProducerRecord<String, byte[]>> records = new ArrayList<>(deadLetters);
    for (SnapshotSkipped skip : skipped) {
      records.add(record(skip.getRun(), CheckRecord.newBuilder().setSkipped(skip).build()));
    }
    for (Verdict verdict : verdicts) {
      records.add(record(verdict.getRun(), CheckRecord.newBuilder().setVerdict(verdict).build()));
    }
    return records;
  }

  private static ProducerRecord<String, byte[]> record(String run, CheckRecord value) {
    return new ProducerRecord<>(Topic.VERDICTS.name(), run, value.toByteArray());
  }
}
