package io.fullrank.cli.chaos;

import io.fullrank.cli.client.ConnectionOptions;
import io.fullrank.cli.client.MetricsCalls;
import io.fullrank.cli.client.ServerAddress;
import io.fullrank.proto.v1.MetricsServiceGrpc;
import io.fullrank.proto.v1.WatchRunRequest;
import io.fullrank.proto.v1.WatchRunResponse;
import io.grpc.Context;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.stub.StreamObserver;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.concurrent.locks.LockSupport;

/**
 * Clients of the metrics services while faults happen. Calls go to one instance after the other,
 * whether it serves or not, and are not made again. A watch that breaks is opened again on the
 * other instance.
 */
final class ClientLoad implements AutoCloseable {

  /**
   * What the clients saw.
   *
   * @param calls how many were made
   * @param refused how many of them were refused or not answered in time, by status
   * @param firstReasons what the first of them said, by status
   * @param longestWithoutAnswer the longest time in which no call was answered, in seconds
   * @param p50Millis what half of the answered calls took at most, from when they were due, to 2 %
   * @param p99Millis what 99 of 100 took at most
   * @param watchesBroken how often a watch broke
   * @param longestUntilBack the longest time until one that broke brought a state again, in seconds
   * @param watchesOpen how many were open in the end
   */
  record Report(
      long calls,
      Map<Status.Code, Long> refused,
      Map<Status.Code, String> firstReasons,
      double longestWithoutAnswer,
      double p50Millis,
      double p99Millis,
      long watchesBroken,
      double longestUntilBack,
      long watchesOpen) {}

  private static final Duration ANSWER_LIMIT = Duration.ofSeconds(10);
  private static final long REOPEN_MILLIS = 500;
  private static final long RECONNECT_MILLIS = 1000;
  private static final long TICK_NANOS = TimeUnit.MILLISECONDS.toNanos(5);
  // How long a call took is counted by classes, each 2 % wider than the one before, from 1 µs on.
  private static final double CLASS_WIDTH = Math.log(1.02);
  private static final int CLASSES = 1024;

  private final List<ManagedChannel> channels;
  private final List<MetricsCalls> callers;
  private final String watched;
  private final int callsPerSecond;
  private final Context.CancellableContext watching = Context.current().withCancellation();
  // What it gets when all is over is not wanted any more.
  private final ScheduledExecutorService reopening =
      new ScheduledThreadPoolExecutor(1, new ThreadPoolExecutor.DiscardPolicy());
  private final Thread calling = new Thread(this::call, "calls");
  private volatile boolean ending;

  private final AtomicLong calls = new AtomicLong();
  private final Map<Status.Code, Long> refused = new ConcurrentHashMap<>();
  private final Map<Status.Code, String> firstReasons = new ConcurrentHashMap<>();
  private final AtomicLongArray durations = new AtomicLongArray(CLASSES);
  private final AtomicLong lastAnswer = new AtomicLong();
  private final AtomicLong longestWithoutAnswer = new AtomicLong();
  private final AtomicLong broken = new AtomicLong();
  private final AtomicLong longestUntilBack = new AtomicLong();
  private final AtomicInteger open = new AtomicInteger();

  /**
   * Begins to watch and to call.
   *
   * @param ports the gRPC ports of the instances, on this machine
   * @param experiment whose runs are listed
   * @param runs that are asked for
   * @param watched a run that does not end meanwhile
   * @param watches how many clients watch it
   * @param callsPerSecond of all clients together; 0 for none
   */
  ClientLoad(
      List<Integer> ports,
      String experiment,
      List<String> runs,
      String watched,
      int watches,
      int callsPerSecond) {
    this.channels =
        ports.stream()
            .map(port -> new ServerAddress("127.0.0.1", port))
            .map(address -> new ConnectionOptions().channel(address).build())
            .toList();
    this.callers =
        channels.stream()
            .map(channel -> new MetricsCalls(channel, experiment, runs, ANSWER_LIMIT))
            .toList();
    this.watched = watched;
    this.callsPerSecond = callsPerSecond;
    lastAnswer.set(System.nanoTime());
    // A client that waits long before it tries again would see more than was there to see.
    var unused =
        reopening.scheduleWithFixedDelay(
            () -> channels.forEach(ManagedChannel::resetConnectBackoff),
            RECONNECT_MILLIS,
            RECONNECT_MILLIS,
            TimeUnit.MILLISECONDS);
    for (int i = 0; i < watches; i++) {
      new Watch(i).openAgain();
    }
    calling.start();
  }

  /** Returns what the clients have seen so far. */
  Report report() {
    noteAnswer(false);
    return new Report(
        calls.get(),
        new TreeMap<>(refused),
        new TreeMap<>(firstReasons),
        seconds(longestWithoutAnswer.get()),
        percentileMillis(0.5),
        percentileMillis(0.99),
        broken.get(),
        seconds(longestUntilBack.get()),
        open.get());
  }

  /** Ends watches and calls. */
  @Override
  public void close() throws InterruptedException {
    ending = true;
    calling.join();
    reopening.shutdownNow();
    watching.cancel(null);
    channels.forEach(ManagedChannel::shutdownNow);
  }

  private void call() {
    long begun = System.nanoTime();
    for (int i = 0; !ending && callsPerSecond > 0; i = (i + 1) % Integer.MAX_VALUE) {
      long due = begun + calls.get() * TimeUnit.SECONDS.toNanos(1) / callsPerSecond;
      while (due > System.nanoTime() && !ending) {
        LockSupport.parkNanos(Math.min(TICK_NANOS, due - System.nanoTime()));
      }
      calls.incrementAndGet();
      // Ten calls of all kinds to one, then ten to the other.
      callers.get(i / 10 % callers.size()).call(i, new Call(due));
    }
  }

  private final class Call implements MetricsCalls.Outcome {

    private final long due;

    Call(long due) {
      this.due = due;
    }

    @Override
    public void onAnswer() {
      double micros = Math.max(1, (System.nanoTime() - due) / 1e3);
      durations.incrementAndGet(
          (int) Math.min(CLASSES - 1, Math.ceil(Math.log(micros) / CLASS_WIDTH)));
      noteAnswer(true);
    }

    @Override
    public void onFailure(Throwable failure) {
      Status status = Status.fromThrowable(failure);
      refused.merge(status.getCode(), 1L, Long::sum);
      firstReasons.computeIfAbsent(
          status.getCode(), any -> "%s (%s)".formatted(status.getDescription(), status.getCause()));
    }
  }

  private final class Watch implements StreamObserver<WatchRunResponse> {

    private int instance;
    private boolean isOpen;
    private boolean hasBroken;
    private long brokenAt;

    Watch(int instance) {
      this.instance = instance;
    }

    void openAgain() {
      watching.run(
          () ->
              MetricsServiceGrpc.newStub(channels.get(instance % channels.size()))
                  .watchRun(WatchRunRequest.newBuilder().setRun(watched).build(), this));
    }

    @Override
    public void onNext(WatchRunResponse response) {
      if (!isOpen) {
        isOpen = true;
        open.incrementAndGet();
        if (hasBroken) {
          longestUntilBack.accumulateAndGet(System.nanoTime() - brokenAt, Math::max);
        }
      }
    }

    @Override
    public void onError(Throwable failure) {
      if (ending) {
        return;
      }
      if (isOpen) {
        isOpen = false;
        open.decrementAndGet();
        broken.incrementAndGet();
        hasBroken = true;
        brokenAt = System.nanoTime();
      }
      instance = (instance + 1) % channels.size();
      var unused = reopening.schedule(this::openAgain, REOPEN_MILLIS, TimeUnit.MILLISECONDS);
    }

    @Override
    public void onCompleted() {
      onError(Status.UNKNOWN.withDescription("ended by the service").asException());
    }
  }

  private void noteAnswer(boolean answered) {
    long now = System.nanoTime();
    long before = answered ? lastAnswer.getAndSet(now) : lastAnswer.get();
    if (callsPerSecond > 0) {
      longestWithoutAnswer.accumulateAndGet(now - before, Math::max);
    }
  }

  private double percentileMillis(double fraction) {
    long answered = 0;
    for (int i = 0; i < CLASSES; i++) {
      answered += durations.get(i);
    }
    long left = (long) Math.ceil(fraction * answered);
    for (int i = 0; i < CLASSES; i++) {
      left -= durations.get(i);
      if (left <= 0 && answered > 0) {
        return Math.round(Math.exp(i * CLASS_WIDTH)) / 1e3;
      }
    }
    return 0;
  }

  private static double seconds(long nanos) {
    return TimeUnit.NANOSECONDS.toMillis(nanos) / 1e3;
  }
}
