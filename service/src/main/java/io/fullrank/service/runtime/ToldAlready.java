package io.fullrank.service.runtime;

import io.quarkus.logging.LoggingFilter;
import java.util.logging.Filter;
import java.util.logging.LogRecord;

/**
 * Keeps lines out of the log that Kafka's clients repeat each time they try to connect, and which
 * say that a broker refuses the user. The service says so itself, once.
 */
@LoggingFilter(name = "told-already")
public final class ToldAlready implements Filter {

  @Override
  public boolean isLoggable(LogRecord line) {
    return !("org.apache.kafka.clients.NetworkClient".equals(line.getLoggerName())
        && line.getMessage().contains("failed authentication due to"));
  }
}
