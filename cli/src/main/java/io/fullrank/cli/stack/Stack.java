package io.fullrank.cli.stack;

import io.fullrank.cli.failure.BadInputException;
import io.fullrank.cli.failure.ExecutionFailedException;
import io.fullrank.cli.installation.Endpoint;
import io.fullrank.cli.installation.Installation;
import io.fullrank.cli.installation.Ports;
import io.fullrank.cli.installation.Service;
import io.fullrank.kafka.EmbeddedKafka;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.Stream;

/**
 * Everything on one laptop: a Kafka broker and the three services, each in a process of its own. It
 * ends with {@link #close()}, with an interrupt of this process, and, however this process dies,
 * with it.
 */
public final class Stack implements Liveness, AutoCloseable {

  private static final Duration START_LIMIT = Duration.ofSeconds(180);

  /** Longer than a trainer takes to stop with a checkpoint. */
  private static final Duration STOP_LIMIT = Duration.ofSeconds(45);

  private static final Duration POLL = Duration.ofMillis(250);

  private final StackSettings settings;
  private final Path work;

  // Whether the broker's data outlives this stack: as asked, or because it was there before.
  private final boolean keepBroker;
  private final Map<Service, ServiceProcess> services = new EnumMap<>(Service.class);
  private final Thread interrupted = new Thread(this::stop, "stop-stack");

  // Guards the fields below and the map above.
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition ended = lock.newCondition();
  private EmbeddedKafka kafka;
  private boolean stopping;

  private Stack(StackSettings settings, Path work) {
    this.settings = settings;
    this.work = work;
    keepBroker =
        settings.keepBroker() || Files.exists(brokerData()) || Files.exists(metricsState());
  }

  /**
   * Starts broker and services side by side and waits until all are ready.
   *
   * @throws BadInputException if the work folder cannot be made; nothing has been started then
   * @throws ExecutionFailedException if a process does not come up; nothing is left running then
   */
  public static Stack start(Installation installation, StackSettings settings)
      throws InterruptedException {
    Stack stack = new Stack(settings, workFolder(settings));
    Runtime.getRuntime().addShutdownHook(stack.interrupted);
    try {
      for (Service service : Service.values()) {
        stack.launch(service, installation);
      }
      stack.launchKafka();
      stack.awaitReady();
      return stack;
    } catch (IOException failed) {
      try (stack) {
        // When the user interrupts the command, the broker ends too, which is not worth a message.
        stack.requireAlive();
        throw new ExecutionFailedException(failed.getMessage(), failed);
      }
    } catch (RuntimeException | InterruptedException failed) {
      stack.close();
      throw failed;
    }
  }

  /** Returns where the stack listens. */
  public Ports ports() {
    return settings.ports();
  }

  /** Returns the folder of its logs: one per service, and {@code kafka/kafka.log}. */
  public Path work() {
    return work;
  }

  /**
   * Checks that all processes live.
   *
   * @throws ExecutionFailedException naming the one that ended, its log and what it said last
   * @throws InterruptedException if the stack is being stopped
   */
  void requireAlive() throws InterruptedException {
    lock.lock();
    try {
      if (stopping) {
        throw new InterruptedException("the stack is being stopped");
      }
      if (kafka != null && !kafka.isAlive()) {
        throw new ExecutionFailedException(
            "the Kafka broker ended; its log is %s".formatted(kafkaFolder().resolve("kafka.log")));
      }
      services.values().forEach(ServiceProcess::requireAlive);
    } finally {
      lock.unlock();
    }
  }

  /**
   * Waits while all processes live.
   *
   * @throws ExecutionFailedException naming the process that ended, its log and what it said last
   * @throws InterruptedException if the stack is being stopped
   */
  @Override
  public void await(Duration limit) throws InterruptedException {
    long deadline = System.nanoTime() + limit.toNanos();
    lock.lock();
    try {
      long left = limit.toNanos();
      while (left > 0) {
        requireAlive();
        ended.awaitNanos(Math.min(left, POLL.toNanos()));
        left = deadline - System.nanoTime();
      }
      requireAlive();
    } finally {
      lock.unlock();
    }
  }

  /**
   * Waits for the first process that ends.
   *
   * @throws ExecutionFailedException naming the process, its log and what it said last
   * @throws InterruptedException if the stack is being stopped
   */
  public void awaitEnd() throws InterruptedException {
    while (true) {
      await(POLL);
    }
  }

  /** Stops all processes and waits for their end. */
  @Override
  public void close() {
    stop();
    try {
      Runtime.getRuntime().removeShutdownHook(interrupted);
    } catch (IllegalStateException shuttingDown) {
      // Then the shutdown hook has done the same.
      assert stopping;
    }
  }

  private static Path workFolder(StackSettings settings) {
    try {
      return settings.work().isPresent()
          ? Files.createDirectories(settings.work().get())
          : Files.createTempDirectory("fullrank-");
    } catch (IOException failed) {
      throw new BadInputException(
          "--work: the folder could not be made (%s)".formatted(failed), failed);
    }
  }

  private void launch(Service service, Installation installation) throws IOException {
    lock.lock();
    try {
      if (!stopping) {
        services.put(
            service,
            ServiceProcess.start(
                service.title(),
                command(service, installation),
                ServiceCommand.nativeThreads(threadsOfOne()),
                work.resolve(service.title() + ".log")));
      }
    } finally {
      lock.unlock();
    }
  }

  private List<String> command(Service service, Installation installation) {
    Ports ports = settings.ports();
    Map<String, String> configuration = new LinkedHashMap<>();
    configuration.put("fullrank.kafka.bootstrap-servers", ports.address(Endpoint.KAFKA));
    configuration.put("fullrank.grpc.port", Integer.toString(ports.of(service.grpc())));
    configuration.put("fullrank.http.port", Integer.toString(ports.of(service.http())));
    settings.data().ifPresent(data -> configuration.put("fullrank.data.directory", "" + data));
    if (service == Service.TRAINER && keepBroker) {
      // Only a broker that is kept knows the runs that could go on from them.
      configuration.put("fullrank.trainer.checkpoint-directory", "" + work.resolve("checkpoints"));
    }
    if (service == Service.CHECKER) {
      configuration.put("fullrank.checker.threads", Integer.toString(threadsOfOne()));
    }
    if (service == Service.METRICS) {
      configuration.put("fullrank.metrics.state-directory", "" + metricsState());
    }
    return ServiceCommand.of(
        service, installation, List.of("-Xmx" + service.heap()), configuration);
  }

  // Trainer and checker compute at the same time: half the cores each.
  private static int threadsOfOne() {
    return Math.max(1, Runtime.getRuntime().availableProcessors() / 2);
  }

  private void launchKafka() throws IOException, InterruptedException {
    EmbeddedKafka started = EmbeddedKafka.start(kafkaFolder(), settings.ports().of(Endpoint.KAFKA));
    lock.lock();
    try {
      kafka = started;
    } finally {
      lock.unlock();
    }
  }

  private Path kafkaFolder() {
    return work.resolve("kafka");
  }

  private Path brokerData() {
    return kafkaFolder().resolve("log");
  }

  private Path metricsState() {
    return work.resolve("metrics-state");
  }

  private void awaitReady() throws InterruptedException {
    long deadline = System.nanoTime() + START_LIMIT.toNanos();
    lock.lock();
    try {
      for (Service service : Service.values()) {
        while (!isReady(service)) {
          requireAlive();
          if (System.nanoTime() > deadline) {
            throw new ExecutionFailedException(
                "the %s service was not ready after %d s; its log is %s"
                    .formatted(
                        service.title(),
                        START_LIMIT.toSeconds(),
                        work.resolve(service.title() + ".log")));
          }
          ended.awaitNanos(POLL.toNanos());
        }
      }
    } finally {
      lock.unlock();
    }
  }

  private boolean isReady(Service service) {
    return Readiness.of(settings.ports().address(service.http()));
  }

  // Services first, so that they can leave their groups while the broker still lives.
  private void stop() {
    lock.lock();
    try {
      if (stopping) {
        return;
      }
      stopping = true;
      services.values().forEach(ServiceProcess::terminate);
      long deadline = System.nanoTime() + STOP_LIMIT.toNanos();
      for (ServiceProcess service : services.values()) {
        service.awaitEnd(Duration.ofNanos(Math.max(0, deadline - System.nanoTime())));
      }
      if (kafka != null) {
        kafka.close();
        if (!keepBroker) {
          deleteRecursively(brokerData());
          // State that was made from what this broker held.
          deleteRecursively(metricsState());
        }
      }
    } catch (InterruptedException hurried) {
      // Then the processes notice by themselves that their parent is gone.
      Thread.currentThread().interrupt();
    } catch (IOException failed) {
      throw new UncheckedIOException("the broker's data could not be removed", failed);
    } finally {
      ended.signalAll();
      lock.unlock();
    }
  }

  private static void deleteRecursively(Path folder) throws IOException {
    if (!Files.exists(folder)) {
      return;
    }
    List<Path> deepestFirst;
    try (Stream<Path> files = Files.walk(folder)) {
      deepestFirst = files.sorted(Comparator.reverseOrder()).toList();
    }
    for (Path file : deepestFirst) {
      Files.delete(file);
    }
  }
}
