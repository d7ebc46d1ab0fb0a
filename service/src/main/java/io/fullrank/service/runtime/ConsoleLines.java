package io.fullrank.service.runtime;

import io.quarkus.logging.LoggingFilter;
import java.util.logging.Filter;
import java.util.logging.LogRecord;
import java.util.regex.Pattern;
import org.jboss.logmanager.ExtLogRecord;
import org.jboss.logmanager.ExtLogRecord.FormatStyle;

/**
 * What reaches the log of the process: each event is one line of plain text. Callers choose much of
 * what is logged, such as the subjects of their tokens and the names of their runs; control
 * characters, which would begin a line of their own or speak to the terminal, become spaces.
 *
 * <p>Lines that Kafka's clients repeat each time they try to connect, and which say that a broker
 * refuses the user, are kept out. The service says so itself, once.
 */
@LoggingFilter(name = "console-lines")
public final class ConsoleLines implements Filter {

  /** Control characters of ASCII and Latin-1, and those that end lines or turn text around. */
  private static final Pattern CONTROL =
      Pattern.compile("[\\p{Cc}\\u2028\\u2029\\u202A-\\u202E\\u2066-\\u2069]+");

  @Override
  public boolean isLoggable(LogRecord line) {
    if ("org.apache.kafka.clients.NetworkClient".equals(line.getLoggerName())
        && line.getMessage().contains("failed authentication due to")) {
      return false;
    }
    if (line instanceof ExtLogRecord record && record.getMessage() != null) {
      String message = record.getFormattedMessage();
      if (CONTROL.matcher(message).find()) {
        record.setMessage(CONTROL.matcher(message).replaceAll(" "), FormatStyle.NO_FORMAT);
      }
    }
    return true;
  }
}
