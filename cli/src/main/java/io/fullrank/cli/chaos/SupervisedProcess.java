package io.fullrank.cli.chaos;

import io.fullrank.cli.failure.ExecutionFailedException;
import io.fullrank.cli.stack.ServiceProcess;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;

/**
 * A process that is started again whenever it ends, unless it is to be away. An end that nobody
 * brought about is remembered. Its log is appended to by one process after the other.
 */
final class SupervisedProcess {

  private static final Duration POLL = Duration.ofMillis(250);
  private static final Duration STOP_LIMIT = Duration.ofSeconds(45);

  private final String name;
  private final List<String> command;
  private final Map<String, String> environment;
  private final Path log;
  private final BooleanSupplier probe;

  private final ReentrantLock turn = new ReentrantLock();

  // Guards the fields below.
  private final ReentrantLock lock = new ReentrantLock();
  private final List<String> unexpectedEnds = new ArrayList<>();
  private ServiceProcess process;
  private long startedAt;
  private boolean away = true;
  private boolean mayEnd;

  /**
   * Prepares the process; it is not started yet.
   *
   * @param probe whether it serves at this moment
   * @param log where its output is appended to
   */
  SupervisedProcess(
      String name,
      List<String> command,
      Map<String, String> environment,
      Path log,
      BooleanSupplier probe) {
    this.name = name;
    this.command = List.copyOf(command);
    this.environment = Map.copyOf(environment);
    this.log = log;
    this.probe = probe;
  }

  String name() {
    return name;
  }

  Path log() {
    return log;
  }

  /** Returns what is held while a fault is brought about on the process. */
  ReentrantLock turn() {
    return turn;
  }

  /** Starts the process, or lets it be started again. */
  void start() {
    lock.lock();
    try {
      away = false;
      process = ServiceProcess.start(name, command, environment, log);
      startedAt = System.nanoTime();
    } catch (IOException failed) {
      throw new UncheckedIOException(failed);
    } finally {
      lock.unlock();
    }
  }

  /** Kills the process; it stays away until it is started again. */
  void kill() throws InterruptedException {
    lock.lock();
    try {
      away = true;
      process.kill();
    } finally {
      lock.unlock();
    }
  }

  /** Asks the process to end; it stays away. */
  void terminate() {
    lock.lock();
    try {
      away = true;
      if (process != null) {
        process.terminate();
      }
    } finally {
      lock.unlock();
    }
  }

  /** Waits until the process has ended, and kills it if it does not end. */
  void awaitEnd() throws InterruptedException {
    lock.lock();
    try {
      if (process != null) {
        process.awaitEnd(STOP_LIMIT);
      }
    } finally {
      lock.unlock();
    }
  }

  /** Sends the process a signal, such as STOP. */
  void signal(String signal) throws InterruptedException {
    lock.lock();
    try {
      int status =
          new ProcessBuilder("kill", "-s", signal, Long.toString(process.pid())).start().waitFor();
      if (status != 0) {
        throw new ExecutionFailedException("%s could not be sent %s".formatted(name, signal));
      }
    } catch (IOException failed) {
      throw new UncheckedIOException(failed);
    } finally {
      lock.unlock();
    }
  }

  /** Says whether an end by itself is what is to be expected from now on. */
  void mayEnd(boolean expected) {
    lock.lock();
    try {
      mayEnd = expected;
    } finally {
      lock.unlock();
    }
  }

  /** Starts the process again if it has ended without being told to. */
  void supervise() {
    lock.lock();
    try {
      if (!away && !process.isAlive()) {
        if (!mayEnd) {
          unexpectedEnds.add(
              "%s ended by itself%s"
                  .formatted(name, process.lastError().map(line -> ": " + line).orElse("")));
        }
        start();
      }
    } finally {
      lock.unlock();
    }
  }

  /** Returns the ends that nobody brought about, in words. */
  List<String> unexpectedEnds() {
    lock.lock();
    try {
      return List.copyOf(unexpectedEnds);
    } finally {
      lock.unlock();
    }
  }

  /** Returns whether it serves at this moment. */
  boolean isReady() {
    return probe.getAsBoolean();
  }

  /**
   * Waits until it serves.
   *
   * @return whether it does within the limit
   */
  boolean awaitReady(Duration limit) throws InterruptedException {
    long deadline = System.nanoTime() + limit.toNanos();
    while (!isReady()) {
      if (System.nanoTime() > deadline) {
        return false;
      }
      TimeUnit.NANOSECONDS.sleep(POLL.toNanos());
    }
    return true;
  }

  /**
   * Returns the memory that the process has, in bytes; empty where the system does not tell, or it
   * has lived for less than the given time.
   */
  Optional<Long> residentBytes(Duration warmUp) {
    lock.lock();
    try {
      if (away || System.nanoTime() - startedAt < warmUp.toNanos()) {
        return Optional.empty();
      }
      return Files.readAllLines(Path.of("/proc", Long.toString(process.pid()), "status")).stream()
          .filter(line -> line.startsWith("VmRSS:"))
          .map(line -> Long.parseLong(line.replaceAll("\\D", "")) << 10)
          .findFirst();
    } catch (IOException unknown) {
      return Optional.empty();
    } finally {
      lock.unlock();
    }
  }
}
