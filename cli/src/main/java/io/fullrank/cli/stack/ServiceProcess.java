package io.fullrank.cli.stack;

import io.fullrank.cli.failure.ExecutionFailedException;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/** The process of one service, with its output in a log file. */
public final class ServiceProcess {

  private static final int LOG_TAIL_BYTES = 1 << 16;

  private final String name;
  private final Process process;
  private final Path log;

  private ServiceProcess(String name, Process process, Path log) {
    this.name = name;
    this.process = process;
    this.log = log;
  }

  /**
   * Starts a program. An interrupt from the terminal does not reach it: its parent decides when and
   * in which order its processes stop.
   *
   * @param environment variables in addition to this process's own
   */
  public static ServiceProcess start(
      String name, List<String> command, Map<String, String> environment, Path log)
      throws IOException {
    List<String> shielded =
        new ArrayList<>(List.of("/bin/sh", "-c", "trap '' INT; exec \"$@\"", name));
    shielded.addAll(command);
    ProcessBuilder builder =
        new ProcessBuilder(shielded)
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()));
    builder.environment().putAll(environment);
    return new ServiceProcess(name, builder.start(), log);
  }

  /**
   * Checks that the process lives.
   *
   * @throws ExecutionFailedException naming its log and what it said last
   */
  public void requireAlive() {
    if (!process.isAlive()) {
      throw new ExecutionFailedException(
          "the %s service ended with status %d%s; its log is %s"
              .formatted(
                  name,
                  process.exitValue(),
                  lastError().map(line -> " (" + line + ")").orElse(""),
                  log));
    }
  }

  /** Returns the number by which the system knows the process. */
  public long pid() {
    return process.pid();
  }

  /** Returns whether the process has not ended. */
  public boolean isAlive() {
    return process.isAlive();
  }

  /** Kills the process without a chance to clean up, and waits until it is gone. */
  public void kill() throws InterruptedException {
    process.destroyForcibly().waitFor();
  }

  /** Asks the process to end. */
  public void terminate() {
    process.destroy();
  }

  /** Waits for the end, and kills the process when it has not come by itself. */
  public void awaitEnd(Duration limit) throws InterruptedException {
    if (!process.waitFor(limit.toMillis(), TimeUnit.MILLISECONDS)) {
      process.destroyForcibly().waitFor();
    }
  }

  /** Returns the line of the log's end that says best what went wrong. */
  public Optional<String> lastError() {
    try {
      return LogTail.lastError(tail());
    } catch (IOException unreadable) {
      return Optional.of(unreadable.getMessage());
    }
  }

  private List<String> tail() throws IOException {
    try (RandomAccessFile file = new RandomAccessFile(log.toFile(), "r")) {
      file.seek(Math.max(0, file.length() - LOG_TAIL_BYTES));
      byte[] bytes = new byte[(int) (file.length() - file.getFilePointer())];
      file.readFully(bytes);
      return new String(bytes, StandardCharsets.UTF_8).lines().toList();
    }
  }
}
