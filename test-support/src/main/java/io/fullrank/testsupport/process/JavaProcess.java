package io.fullrank.testsupport.process;

import static org.assertj.core.api.Assertions.assertThat;

import io.fullrank.testsupport.Waiting;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/** A JVM that a test has started, see {@link JavaCommand}. */
public final class JavaProcess implements AutoCloseable {

  private final Process process;
  private final Path log;

  JavaProcess(Process process, Path log) {
    this.process = process;
    this.log = log;
  }

  /** Returns what it and earlier processes with the same log have printed so far. */
  public String log() throws IOException {
    return Files.readString(log);
  }

  /** Returns whether it runs. */
  public boolean isAlive() {
    return process.isAlive();
  }

  /** Waits until it ends by itself; returns its exit status. */
  public int awaitExit() throws IOException, InterruptedException {
    assertThat(process.waitFor(Waiting.LIMIT.toSeconds(), TimeUnit.SECONDS)).as(log()).isTrue();
    return process.exitValue();
  }

  /** Kills it (SIGKILL): it gets no chance to say or write anything. */
  public void kill() throws InterruptedException {
    process.destroyForcibly().waitFor();
  }

  /** Asks it to stop (SIGTERM) and asserts that it has within a limit; kills it otherwise. */
  public void stop(Duration limit) throws InterruptedException {
    process.destroy();
    boolean stopped = process.waitFor(limit.toMillis(), TimeUnit.MILLISECONDS);
    if (!stopped) {
      kill();
    }
    assertThat(stopped)
        .as("has stopped within %s when it was asked to, see %s", limit, log)
        .isTrue();
  }

  /** Asks it to stop (SIGTERM) and asserts that it has within a minute. */
  @Override
  public void close() throws InterruptedException {
    stop(Duration.ofMinutes(1));
  }
}
