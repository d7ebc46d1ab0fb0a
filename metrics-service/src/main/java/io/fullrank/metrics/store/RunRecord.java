package io.fullrank.metrics.store;

import com.google.protobuf.DiscardUnknownFieldsParser;
import com.google.protobuf.Duration;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.Parser;
import com.google.protobuf.util.Durations;
import io.fullrank.proto.RunName;
import io.fullrank.proto.Topic;
import io.fullrank.proto.WireFormatException;
import io.fullrank.proto.WireFormatException.Fault;
import io.fullrank.proto.v1.CheckRecord;
import io.fullrank.proto.v1.Progress;
import io.fullrank.proto.v1.RuleEvent;
import io.fullrank.proto.v1.RunEvent;
import io.fullrank.proto.v1.RunRequest;
import io.fullrank.proto.v1.RunResult;
import io.fullrank.proto.v1.SnapshotSkipped;
import io.fullrank.proto.v1.Verdict;
import java.util.List;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/** One record about one run, read from a topic and found to follow the wire contract. */
public sealed interface RunRecord {

  /** The topics that records are read from; a run is in the same partition of each. */
  List<Topic> SOURCES = List.of(Topic.EXPERIMENTS, Topic.PROGRESS, Topic.VERDICTS);

  /**
   * The most bytes that are kept of a record, the gradient norms of progress apart: all that is
   * known of a run is read and sent as a whole. Requests have about 70,000 at most, unless the
   * trainer's {@code fullrank.trainer.max-experiment-bytes} is raised, which has half of this as
   * its own limit.
   */
  int MAX_BYTES = 256 << 10;

  /** The longest name of a check. */
  int MAX_CHECK_CHARACTERS = 100;

  /** The most layers that progress has gradient norms of: no larger network is trained here. */
  int MAX_NORMS = 20_000;

  /**
   * Bytes of what a rule has done; of a hundred of them every change of the run is written anew.
   */
  int MAX_RULE_BYTES = 4096;

  /** Returns the name of the run. */
  String run();

  /**
   * Folds this record into what is known of its run.
   *
   * @param history (modified)
   * @return whether that changed anything
   */
  boolean foldInto(RunHistory history);

  /**
   * A run was accepted, or its request changed.
   *
   * @param request the newest request
   */
  record Requested(RunRequest request) implements RunRecord {
    @Override
    public String run() {
      return request.getRun();
    }

    @Override
    public boolean foldInto(RunHistory history) {
      return history.requested(request);
    }
  }

  /**
   * A run's request was deleted from its topic.
   *
   * @param run the run's name
   */
  record Withdrawn(String run) implements RunRecord {
    @Override
    public boolean foldInto(RunHistory history) {
      return history.withdrawn();
    }
  }

  /**
   * A trainer reported something of a run.
   *
   * @param event what it reported
   */
  record Reported(RunEvent event) implements RunRecord {
    @Override
    public String run() {
      return event.getRun();
    }

    @Override
    public boolean foldInto(RunHistory history) {
      return history.reported(event);
    }
  }

  /**
   * A checker came to a verdict on a snapshot.
   *
   * @param verdict the verdict, with its certificate, measures or both
   */
  record Checked(Verdict verdict) implements RunRecord {
    @Override
    public String run() {
      return verdict.getRun();
    }

    @Override
    public boolean foldInto(RunHistory history) {
      return history.checked(verdict);
    }
  }

  /**
   * A checker skipped a snapshot.
   *
   * @param skipped which, and why
   */
  record Skipped(SnapshotSkipped skipped) implements RunRecord {
    @Override
    public String run() {
      return skipped.getRun();
    }

    @Override
    public boolean foldInto(RunHistory history) {
      return history.skipped(skipped);
    }
  }

  /**
   * Reads a Kafka record.
   *
   * @param topic the topic it came from: experiments, progress or verdicts
   * @throws WireFormatException if it does not follow the wire contract
   */
  static RunRecord read(Topic topic, ConsumerRecord<String, byte[]> bytes)
      throws WireFormatException {
    RunRecord record;
    try {
      if (topic.equals(Topic.EXPERIMENTS)) {
        record =
            bytes.value() == null
                ? new Withdrawn(bytes.key() == null ? "" : bytes.key())
                : new Requested(parse(RunRequest.parser(), bytes));
      } else if (topic.equals(Topic.PROGRESS)) {
        record = reported(parse(RunEvent.parser(), bytes));
      } else if (topic.equals(Topic.VERDICTS)) {
        record = decided(parse(CheckRecord.parser(), bytes));
      } else {
        throw new IllegalArgumentException("no records of runs are in topic " + topic.name());
      }
    } catch (InvalidProtocolBufferException unparseable) {
      throw fault("the value does not parse: " + unparseable.getMessage());
    }
    RunName.require(record.run());
    if (!record.run().equals(bytes.key())) {
      throw fault("its key is %s, but it is about run %s".formatted(bytes.key(), record.run()));
    }
    return record;
  }

  // What this version does not know is not stored: it may be of any size, and every read of the run
  // would carry it.
  private static <T extends Message> T parse(Parser<T> parser, ConsumerRecord<String, byte[]> bytes)
      throws WireFormatException, InvalidProtocolBufferException {
    if (bytes.value() == null) {
      throw fault("it has no value");
    }
    T message = DiscardUnknownFieldsParser.wrap(parser).parseFrom(bytes.value());
    boolean reportsProgress = message instanceof RunEvent event && event.hasProgress();
    if (message.getSerializedSize() > MAX_BYTES && !reportsProgress) {
      throw fault(
          "it has %d bytes, at most %d are kept".formatted(message.getSerializedSize(), MAX_BYTES));
    }
    return message;
  }

  private static Reported reported(RunEvent event) throws WireFormatException {
    requireAttempt(event.getAttempt());
    switch (event.getEventCase()) {
      case STARTED, GUARANTEE -> {}
      case PROGRESS -> requireNorms(event.getProgress());
      case HEARTBEAT -> requireInterval(event.getHeartbeat().getInterval());
      case RULE -> requireShort(event.getRule());
      case FINISHED -> requireEnded(event.getFinished());
      case EVENT_NOT_SET -> throw fault("it carries no event that this version knows");
    }
    return new Reported(event);
  }

  private static RunRecord decided(CheckRecord record) throws WireFormatException {
    switch (record.getRecordCase()) {
      case VERDICT -> {
        requireAttempt(record.getVerdict().getAttempt());
        requireFindings(record.getVerdict());
        return new Checked(record.getVerdict());
      }
      case SKIPPED -> {
        requireAttempt(record.getSkipped().getAttempt());
        return new Skipped(record.getSkipped());
      }
      default -> throw fault("it is neither a verdict nor a skipped snapshot");
    }
  }

  private static void requireFindings(Verdict verdict) throws WireFormatException {
    if (!verdict.hasCertificate()
        && verdict.getMeasuresCount() == 0
        && verdict.getHistogramsCount() == 0) {
      throw fault("its verdict carries neither a certificate nor measures");
    }
    if (verdict.getCheck().length() > MAX_CHECK_CHARACTERS) {
      throw fault(
          "the name of its check has %d characters, at most %d are kept"
              .formatted(verdict.getCheck().length(), MAX_CHECK_CHARACTERS));
    }
  }

  private static void requireAttempt(long attempt) throws WireFormatException {
    if (attempt == 0) {
      throw fault("its attempt is 0, attempts count from 1");
    }
  }

  private static void requireNorms(Progress progress) throws WireFormatException {
    if (progress.getGradientNormsCount() > MAX_NORMS) {
      throw fault(
          "its progress has gradient norms of %d layers, at most %d are kept"
              .formatted(progress.getGradientNormsCount(), MAX_NORMS));
    }
  }

  private static void requireShort(RuleEvent event) throws WireFormatException {
    if (event.getSerializedSize() > MAX_RULE_BYTES) {
      throw fault(
          "its rule has %d bytes, at most %d are kept"
              .formatted(event.getSerializedSize(), MAX_RULE_BYTES));
    }
  }

  private static void requireEnded(RunResult result) throws WireFormatException {
    if (!RunHistory.hasEnded(result.getState())) {
      throw fault("its result has state %s, which no run ends in".formatted(result.getState()));
    }
  }

  private static void requireInterval(Duration interval) throws WireFormatException {
    if (!Durations.isValid(interval) || Durations.isNegative(interval)) {
      throw fault("its heartbeat has an interval that is negative or out of range");
    }
  }

  private static WireFormatException fault(String message) {
    return new WireFormatException(Fault.UNPARSEABLE, message);
  }
}
