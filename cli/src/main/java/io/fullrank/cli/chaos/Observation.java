package io.fullrank.cli.chaos;

import io.fullrank.cli.chaos.ChaosReport.Judgement;
import io.fullrank.cli.failure.ExecutionFailedException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/**
 * Supervises the processes of a stack and sees how long none of a service served, and how much
 * memory they have.
 */
final class Observation implements AutoCloseable {

  /** Memory of one process at one moment, in bytes, so many seconds after the beginning. */
  private record Memory(double seconds, long bytes) {}

  private static final long PERIOD_MILLIS = 500;
  private static final int PARTS = 3;
  private static final Duration WARM_UP = Duration.ofMinutes(1);
  private static final Duration LEAST_FOR_MEMORY = Duration.ofMinutes(10);
  private static final double MOST_GROWTH = 1.25;
  private static final long MEBIBYTE = 1 << 20;

  private final long begun = System.nanoTime();
  private final Map<String, Long> lastServed = new ConcurrentHashMap<>();
  private final Map<String, Long> longestOutages = new ConcurrentHashMap<>();
  private final Map<String, List<Memory>> memory = new ConcurrentHashMap<>();
  private final ScheduledExecutorService executor;
  private final List<Future<?>> tasks = new ArrayList<>();

  /** Begins to observe processes all of which serve. */
  Observation(StackUnderTest stack) {
    executor = Executors.newScheduledThreadPool(2 * stack.processes().size());
    for (SupervisedProcess process : stack.processes()) {
      lastServed.put(process.name(), begun);
      longestOutages.put(service(process.name()), 0L);
      memory.put(service(process.name()), new ArrayList<>());
      repeat(process::supervise);
      // On a thread of its own, since a process that is stopped answers after a while only.
      repeat(() -> look(process));
    }
  }

  /** Returns for each service the longest time in which no instance of it served, in seconds. */
  Map<String, Double> longestOutages() {
    Map<String, Double> seconds = new LinkedHashMap<>();
    for (String name : StackUnderTest.PROCESSES) {
      seconds.put(
          service(name), TimeUnit.NANOSECONDS.toMillis(longestOutages.get(service(name))) / 1e3);
    }
    return seconds;
  }

  /**
   * Returns for each service the most memory that one of its processes had in each third of the
   * time, its first minute left out, in MiB.
   */
  Map<String, List<Long>> memory() {
    double part = seconds() / PARTS;
    Map<String, List<Long>> most = new LinkedHashMap<>();
    for (String name : StackUnderTest.PROCESSES) {
      List<Long> parts = new ArrayList<>();
      List<Memory> samples = memory.get(service(name));
      synchronized (samples) {
        for (int i = 0; i < PARTS; i++) {
          int now = i;
          parts.add(
              samples.stream()
                      .filter(each -> (int) Math.min(each.seconds() / part, PARTS - 1) == now)
                      .mapToLong(Memory::bytes)
                      .max()
                      .orElse(0)
                  / MEBIBYTE);
        }
      }
      most.put(service(name), parts);
    }
    return most;
  }

  /** Memory is flat in the end; of an observation that was short that cannot be said. */
  Judgement growth() {
    if (seconds() < LEAST_FOR_MEMORY.toSeconds()) {
      return Judgement.of(
          "nothing is known of memory, which is judged after %d minutes"
              .formatted(LEAST_FOR_MEMORY.toMinutes()),
          List.of());
    }
    List<String> grown = new ArrayList<>();
    memory()
        .forEach(
            (service, parts) -> {
              if (parts.get(PARTS - 1) > MOST_GROWTH * parts.get(PARTS - 2)) {
                grown.add("%s: %s MiB in the thirds of the time".formatted(service, parts));
              }
            });
    return Judgement.of("memory does not grow", grown);
  }

  double seconds() {
    return (System.nanoTime() - begun) / 1e9;
  }

  /**
   * Ends the observation; processes are not started again any more.
   *
   * @throws ExecutionFailedException if it had failed
   */
  @Override
  public void close() throws InterruptedException {
    executor.shutdown();
    boolean ended = executor.awaitTermination(1, TimeUnit.MINUTES);
    for (Future<?> task : tasks) {
      if (!ended || !task.isCancelled()) {
        try {
          task.get();
        } catch (ExecutionException failed) {
          throw new ExecutionFailedException(failed.getCause().toString(), failed);
        }
      }
    }
  }

  private void repeat(Runnable task) {
    tasks.add(executor.scheduleWithFixedDelay(task, 0, PERIOD_MILLIS, TimeUnit.MILLISECONDS));
  }

  private void look(SupervisedProcess process) {
    String service = service(process.name());
    if (process.isReady()) {
      lastServed.put(process.name(), System.nanoTime());
    }
    long served =
        lastServed.entrySet().stream()
            .filter(each -> service(each.getKey()).equals(service))
            .mapToLong(Map.Entry::getValue)
            .max()
            .orElseThrow();
    longestOutages.merge(service, System.nanoTime() - served, Math::max);
    Optional<Long> bytes = process.residentBytes(WARM_UP);
    if (bytes.isPresent()) {
      List<Memory> samples = memory.get(service);
      synchronized (samples) {
        samples.add(new Memory(seconds(), bytes.get()));
      }
    }
  }

  private static String service(String process) {
    return process.replaceAll("-\\w+$", "");
  }
}
