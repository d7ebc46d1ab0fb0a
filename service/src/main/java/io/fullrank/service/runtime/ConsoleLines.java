package io.fullrank.service.runtime;

import io.fullrank.messaging.Refusals;
import io.quarkus.logging.LoggingFilter;
import java.util.HashSet;
import java.util.Set;
import java.util.logging.Filter;
import java.util.logging.LogRecord;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jboss.logmanager.ExtLogRecord;
import org.jboss.logmanager.ExtLogRecord.FormatStyle;

/**
 * What reaches the log of the process: each event is one line of plain text. Callers choose much of
 * what is logged, such as the subjects of their tokens and the names of their runs; control
 * characters, which would begin a line of their own or speak to the terminal, become spaces.
 *
 * <p>Lines that Kafka's clients repeat each time they try to connect, and which say that a broker
 * refuses the user, are kept out. The service says so itself, once. So are commits of offsets that
 * failed, members that leave a group which has given their place away, aborts of hanging
 * transactions that were refused, and the errors of Kafka Streams that it recovers from by itself:
 * a producer that was fenced, a task that moved, a record that was not delivered in time, a disk
 * without room. All other errors stay.
 */
@LoggingFilter(name = "console-lines")
public final class ConsoleLines implements Filter {

  /** Control characters of ASCII and Latin-1, and those that end lines or turn text around. */
  private static final Pattern CONTROL =
      Pattern.compile("[\\p{Cc}\\u2028\\u2029\\u202A-\\u202E\\u2066-\\u2069]+");

  private static final String CLIENTS = "org.apache.kafka.clients.";
  private static final String STREAMS = "org.apache.kafka.streams.";

  /** What Kafka Streams throws to itself to begin a task anew, here or elsewhere. */
  private static final Set<String> MIGRATIONS =
      Set.of(STREAMS + "errors.TaskMigratedException", STREAMS + "errors.TaskCorruptedException");

  /** Causes that are looked at: a chain may be a circle. */
  private static final int DEEPEST = 20;

  @Override
  public boolean isLoggable(LogRecord line) {
    if (isFrom(line, CLIENTS + "NetworkClient", "failed authentication due to")
        // What commits is told by an exception, and says what it does about it.
        || isFrom(line, CLIENTS + "consumer.internals.ConsumerCoordinator", "Offset commit failed")
        // A member that leaves a group which has given its place away already.
        || isFrom(
            line, CLIENTS + "consumer.internals.ConsumerCoordinator", "LeaveGroup request with")
        // What ends a hanging transaction is told by an exception: it may have gone on meanwhile.
        || isFrom(
            line,
            CLIENTS + "admin.internals.AbortTransactionHandler",
            "WriteTxnMarkers request for abort spec")
        // A producer whose transaction did not end in time is closed, and another one takes its
        // place.
        || isFrom(
            line, CLIENTS + "producer.internals.Sender", "aborting transaction when during closing")
        || isRecovered(line)) {
      return false;
    }
    if (line instanceof ExtLogRecord record && record.getMessage() != null) {
      String message = record.getFormattedMessage();
      if (CONTROL.matcher(message).find()) {
        record.setMessage(plain(message), FormatStyle.NO_FORMAT);
      }
    }
    if (line.getThrown() != null && hasControl(line.getThrown(), new HashSet<>())) {
      line.setThrown(new PlainThrowable(line.getThrown(), new HashSet<>()));
    }
    return true;
  }

  private static boolean isFrom(LogRecord line, String logger, String message) {
    return logger.equals(line.getLoggerName())
        && String.valueOf(line.getMessage()).contains(message);
  }

  private static boolean isRecovered(LogRecord line) {
    if (line.getLoggerName() == null || !line.getLoggerName().startsWith(STREAMS)) {
      return false;
    }
    String message = String.valueOf(line.getMessage());
    // The exception handler that decided so logs the failure itself.
    if (message.endsWith("Replacing thread in the streams uncaught exception handler")
        // What follows is thrown, and either recovered from or logged there.
        || message.contains("Get exceptions for the following tasks: ")) {
      return true;
    }
    Throwable thrown = line.getThrown();
    for (int depth = 0; thrown != null && depth < DEEPEST; depth++) {
      if (MIGRATIONS.contains(thrown.getClass().getName())) {
        return true;
      }
      thrown = thrown.getCause();
    }
    return Refusals.isPassing(line.getThrown());
  }

  private static String plain(String text) {
    return CONTROL.matcher(text).replaceAll(" ");
  }

  private static boolean hasControl(Throwable thrown, Set<Throwable> seen) {
    return thrown != null
        && seen.add(thrown)
        && (CONTROL.matcher(thrown.toString()).find()
            || hasControl(thrown.getCause(), seen)
            || Stream.of(thrown.getSuppressed()).anyMatch(each -> hasControl(each, seen)));
  }

  /** A throwable as it is printed, in plain text; its cause and what it suppressed included. */
  private static final class PlainThrowable extends Throwable {

    private static final long serialVersionUID = 1;

    private final String text;

    PlainThrowable(Throwable thrown, Set<Throwable> seen) {
      super(plain(String.valueOf(thrown.getMessage())));
      seen.add(thrown);
      text = plain(thrown.toString());
      setStackTrace(thrown.getStackTrace());
      if (thrown.getCause() != null && !seen.contains(thrown.getCause())) {
        initCause(new PlainThrowable(thrown.getCause(), seen));
      }
      for (Throwable suppressed : thrown.getSuppressed()) {
        if (!seen.contains(suppressed)) {
          addSuppressed(new PlainThrowable(suppressed, seen));
        }
      }
    }

    @Override
    public String toString() {
      return text;
    }
  }
}
