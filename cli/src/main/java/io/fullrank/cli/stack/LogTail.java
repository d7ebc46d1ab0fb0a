package io.fullrank.cli.stack;

import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;

/** Finds out from the last lines of a service's log why it ended. */
final class LogTail {

  private static final int LINE_LIMIT = 300;
  private static final Pattern NEWS = Pattern.compile("\\b(TRACE|DEBUG|INFO|WARN)\\b");

  private LogTail() {}

  /**
   * Returns the one line that says best why a program ended: the root cause of the last error, else
   * the last error, else the last line that is not a log message below ERROR (but one that the Java
   * virtual machine has printed, for instance).
   */
  static Optional<String> lastError(List<String> lines) {
    String last = null;
    String error = null;
    String cause = null;
    for (String raw : lines) {
      String line = raw.strip();
      if (line.isEmpty()) {
        continue;
      }
      if (NEWS.matcher(line).find()) {
        continue;
      }
      last = line;
      if (line.contains("ERROR") || line.contains("FATAL") || line.contains("SEVERE")) {
        error = line;
        cause = null;
      } else if (line.startsWith("Caused by:")) {
        cause = line.substring("Caused by:".length()).strip();
      }
    }
    return Optional.ofNullable(cause != null ? cause : error != null ? error : last)
        .map(line -> line.length() > LINE_LIMIT ? line.substring(0, LINE_LIMIT) + "…" : line);
  }
}
