package io.fullrank.service.runtime;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.logging.Level;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.InvalidProducerEpochException;
import org.apache.kafka.common.errors.InvalidTxnStateException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.errors.TransactionAbortedException;
import org.jboss.logmanager.ExtLogRecord;
import org.jboss.logmanager.ExtLogRecord.FormatStyle;
import org.junit.jupiter.api.Test;

class ConsoleLinesTest {

  @Test
  void takesControlCharactersOutOfWhatCallersChoose() {
    ExtLogRecord record =
        refusal("sam\u001b[2J\r\n12:00:00 INFO  All is well\u0000\u009b31m\u202e");

    assertThat(new ConsoleLines().isLoggable(record)).isTrue();
    assertThat(record.getFormattedMessage())
        .isEqualTo("Refused Report: sam [2J 12:00:00 INFO  All is well 31m  is not submitter");
  }

  @Test
  void leavesOtherLinesAlone() {
    ExtLogRecord record = refusal("CN=Zoë, 100 % 名");

    assertThat(new ConsoleLines().isLoggable(record)).isTrue();
    assertThat(record.getFormattedMessage())
        .isEqualTo("Refused Report: CN=Zoë, 100 % 名 is not submitter");
  }

  @Test
  void takesControlCharactersOutOfStackTraces() {
    Exception thrown =
        new IllegalStateException(
            "run a\u001b[2Jb", new IllegalArgumentException("c\n12:00:00 INFO  All is well"));
    thrown.addSuppressed(new IllegalArgumentException("d\u009b31m"));
    ExtLogRecord record = refusal("sam");
    record.setThrown(thrown);

    assertThat(new ConsoleLines().isLoggable(record)).isTrue();

    StringWriter printed = new StringWriter();
    record.getThrown().printStackTrace(new PrintWriter(printed));
    assertThat(printed.toString())
        .doesNotContain("\u001b", "\u009b")
        .startsWith("java.lang.IllegalStateException: run a [2Jb")
        .contains("Suppressed: java.lang.IllegalArgumentException: d 31m")
        .contains("Caused by: java.lang.IllegalArgumentException: c 12:00:00 INFO  All is well")
        .contains("at " + ConsoleLinesTest.class.getName());
  }

  @Test
  void leavesOutErrorsThatKafkaStreamsRecoversFromAndNoOthers() {
    assertThat(
            isShown(
                "org.apache.kafka.clients.consumer.internals.ConsumerCoordinator",
                "[Consumer clientId=a] LeaveGroup request with Generation{generationId=17} failed"
                    + " with error: The coordinator is not aware of this member.",
                null))
        .isFalse();
    assertThat(
            isShown(
                "org.apache.kafka.clients.admin.internals.AbortTransactionHandler",
                "[AdminClient clientId=a] WriteTxnMarkers request for abort spec"
                    + " AbortTransactionSpec(topicPartition=b-0, producerId=7, producerEpoch=3,"
                    + " coordinatorEpoch=0) failed due to an invalid producer epoch",
                null))
        .isFalse();
    assertThat(
            isShown(
                "org.apache.kafka.streams.processor.internals.RecordCollectorImpl",
                "Error encountered sending record",
                new IllegalStateException(new TimeoutException("30000 ms have passed"))))
        .isFalse();
    assertThat(
            isShown(
                "org.apache.kafka.streams.processor.internals.ProcessorStateManager",
                "Error flushing state store runs",
                new IllegalStateException(
                    new IllegalStateException(
                        "While appending to file: 000042.log: No space left on device"))))
        .isFalse();
    assertThat(
            isShown(
                "org.apache.kafka.streams.processor.internals.TaskManager",
                "Failed to close task",
                new InvalidProducerEpochException("fenced")))
        .isFalse();
    assertThat(
            isShown(
                "org.apache.kafka.streams.processor.internals.RecordCollectorImpl",
                "Error encountered sending record",
                new IllegalStateException(new TransactionAbortedException("aborted"))))
        .isFalse();
    assertThat(
            isShown(
                "org.apache.kafka.streams.processor.internals.RecordCollectorImpl",
                "Error encountered sending record",
                new IllegalStateException(new InvalidTxnStateException("aborted before"))))
        .isFalse();
    assertThat(
            isShown(
                "org.apache.kafka.streams.processor.internals.StreamTask",
                "Failed to flush cache of store runs",
                new IllegalStateException(
                    new KafkaException(
                        "The client hasn't received acknowledgment for some previously sent"
                            + " messages and can no longer retry them. It is safe to abort the"
                            + " transaction and continue."))))
        .isFalse();
    assertThat(
            isShown(
                "org.apache.kafka.streams.processor.internals.StreamTask",
                "Failed to flush cache of store runs",
                new IllegalStateException(
                    "Cannot attempt operation `beginTransaction` because the previous call to"
                        + " `abortTransaction` timed out and must be retried")))
        .isFalse();
    assertThat(
            isShown(
                "org.apache.kafka.streams.processor.internals.TaskManager",
                "stream-thread [a] Get exceptions for the following tasks: {0_3=it is corrupted}",
                null))
        .isFalse();
    assertThat(
            isShown(
                "org.apache.kafka.streams.KafkaStreams",
                "stream-client [a] Replacing thread in the streams uncaught exception handler",
                new IllegalStateException("a fault")))
        .isFalse();
    assertThat(
            isShown(
                "org.apache.kafka.streams.processor.internals.RecordCollectorImpl",
                "Error encountered sending record",
                new RecordTooLargeException("5000000 bytes")))
        .isTrue();
    assertThat(
            isShown(
                "org.apache.kafka.streams.processor.internals.ProcessorStateManager",
                "Failed to close state store",
                new IllegalStateException("disk full")))
        .isTrue();
    assertThat(isShown("io.fullrank.metrics", "Folding failed", new TimeoutException("late")))
        .isTrue();
  }

  @Test
  void leavesOutWhatFailedOfCommitsSinceWhatCommitsSaysSo() {
    assertThat(
            isShown(
                "org.apache.kafka.clients.consumer.internals.ConsumerCoordinator",
                "[Consumer clientId=a, groupId=b] Offset commit failed on partition c-3 at offset 0:"
                    + " The coordinator is not aware of this member.",
                null))
        .isFalse();
    assertThat(
            isShown(
                "org.apache.kafka.clients.producer.internals.Sender",
                "[Producer clientId=a, transactionalId=a] Error in kafka producer I/O thread while"
                    + " aborting transaction when during closing: ",
                new IllegalStateException("the previous call to `commitTransaction` timed out")))
        .isFalse();
    assertThat(
            isShown(
                "org.apache.kafka.clients.consumer.internals.ConsumerCoordinator",
                "[Consumer clientId=a, groupId=b] User provided listener failed",
                new IllegalStateException("a fault")))
        .isTrue();
  }

  private static boolean isShown(String logger, String message, Throwable thrown) {
    ExtLogRecord record = new ExtLogRecord(Level.SEVERE, message, FormatStyle.NO_FORMAT, logger);
    record.setLoggerName(logger);
    record.setThrown(thrown);
    return new ConsoleLines().isLoggable(record);
  }

  private static ExtLogRecord refusal(String subject) {
    ExtLogRecord record =
        new ExtLogRecord(
            Level.WARNING, "Refused %s: %s is not submitter", FormatStyle.PRINTF, "a.Logger");
    record.setParameters(new Object[] {"Report", subject});
    return record;
  }
}
