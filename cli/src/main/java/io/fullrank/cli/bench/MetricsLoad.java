package io.fullrank.cli.bench;

import com.google.protobuf.MessageLite;
import com.google.protobuf.util.Timestamps;
import io.fullrank.cli.client.MetricsCalls;
import io.fullrank.cli.failure.ExecutionFailedException;
import io.fullrank.messaging.KafkaConnection;
import io.fullrank.proto.Topic;
import io.fullrank.proto.v1.DeleteExperimentRequest;
import io.fullrank.proto.v1.ExperimentSpec;
import io.fullrank.proto.v1.ListRunsRequest;
import io.fullrank.proto.v1.ListRunsResponse;
import io.fullrank.proto.v1.MetricsServiceGrpc;
import io.fullrank.proto.v1.Phase;
import io.fullrank.proto.v1.Progress;
import io.fullrank.proto.v1.RunEvent;
import io.fullrank.proto.v1.RunHeader;
import io.fullrank.proto.v1.RunRequest;
import io.fullrank.proto.v1.RunResult;
import io.fullrank.proto.v1.RunState;
import io.fullrank.proto.v1.SnapshotCounts;
import io.fullrank.proto.v1.Variant;
import io.fullrank.proto.v1.WatchRunRequest;
import io.fullrank.proto.v1.WatchRunResponse;
import io.grpc.Context;
import io.grpc.ManagedChannel;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.StreamObserver;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;

/**
 * The load that many trainers and clients would put on a metrics service: real records, real calls.
 * Its runs belong to an experiment of their own, which is deleted in the end.
 */
final class MetricsLoad implements AutoCloseable {

  /**
   * How fast records went from Kafka to answers.
   *
   * @param records how many there were
   * @param perSecond from the first record sent until the last was seen in an answer
   * @param lagSeconds from the last record sent until it was seen
   */
  record Ingestion(long records, double perSecond, double lagSeconds) {}

  /**
   * How long calls took, counted from when they were due.
   *
   * @param calls how many were answered
   * @param perSecond how many in a second
   * @param failed how many were not answered
   * @param reason why the last of those was not
   * @param millis the percentiles 50, 99, 99.9 and the longest
   */
  record Calls(
      long calls, double perSecond, int failed, Optional<String> reason, double[] millis) {}

  /**
   * The streams of clients that watch runs.
   *
   * @param states how many states they have brought so far
   * @param open how many of them are still open
   * @param watching ends them when it is cancelled
   */
  record Streams(AtomicLong states, AtomicInteger open, Context.CancellableContext watching)
      implements AutoCloseable {
    @Override
    public void close() {
      watching.cancel(null);
    }
  }

  private static final long ANSWER_LIMIT_SECONDS = 120;
  private static final long PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(20);
  private static final long TICK_NANOS = TimeUnit.MILLISECONDS.toNanos(5);

  private final String experiment =
      "bench-metrics-" + Long.toString(System.currentTimeMillis(), Character.MAX_RADIX);
  private final List<String> runs;
  private final KafkaProducer<String, byte[]> producer;
  private final ManagedChannel channel;
  private final MetricsServiceGrpc.MetricsServiceBlockingStub metrics;
  private final MetricsCalls calls;
  // The first record that could not be sent: what is measured after it means nothing.
  private final AtomicReference<KafkaException> unsent = new AtomicReference<>();
  private long step;

  /**
   * Connects.
   *
   * @param kafka the broker, {@code host:port}
   * @param host where the metrics service is
   * @param port its gRPC port
   * @param runCount how many runs to make up
   */
  MetricsLoad(String kafka, String host, int port, int runCount) {
    runs = IntStream.range(0, runCount).mapToObj(i -> experiment + "-" + i).toList();
    producer = KafkaConnection.to(kafka).producer("bench-metrics", Map.of("linger.ms", 5));
    channel = NettyChannelBuilder.forAddress(host, port).usePlaintext().build();
    metrics = MetricsServiceGrpc.newBlockingStub(channel);
    calls = new MetricsCalls(channel, experiment, runs, Duration.ofSeconds(ANSWER_LIMIT_SECONDS));
  }

  /** Submits and starts the runs, and reports some progress of each, as fast as it goes. */
  Ingestion history(int progressPerRun) {
    long begun = System.nanoTime();
    for (int i = 0; i < runs.size(); i++) {
      send(Topic.EXPERIMENTS, runs.get(i), request(runs.get(i), i));
      send(
          Topic.PROGRESS,
          runs.get(i),
          event(runs.get(i))
              .setStarted(RunHeader.newBuilder().setRun(runs.get(i)).setAttempt(1))
              .build());
    }
    for (int i = 0; i < progressPerRun; i++) {
      step++;
      runs.forEach(this::sendProgress);
    }
    return ingested(begun, (long) runs.size() * (progressPerRun + 2));
  }

  /** Reports progress at a rate, of all runs in turn. */
  Ingestion progress(int perSecond, int seconds) {
    long begun = System.nanoTime();
    long records = (long) perSecond * seconds / runs.size() * runs.size();
    for (long sent = 0; sent < records; sent++) {
      if (sent % runs.size() == 0) {
        step++;
      }
      long due = begun + sent * TimeUnit.SECONDS.toNanos(1) / perSecond;
      while (due - System.nanoTime() > TICK_NANOS) {
        LockSupport.parkNanos(TICK_NANOS);
      }
      sendProgress(runs.get((int) (sent % runs.size())));
    }
    return ingested(begun, records);
  }

  /**
   * Has clients watch runs until they are closed, once each has been told of its run.
   *
   * @param count how many clients; each watches another run as long as there are more runs
   */
  Streams watch(int count) throws InterruptedException {
    AtomicLong states = new AtomicLong();
    AtomicInteger open = new AtomicInteger();
    Context.CancellableContext watching = Context.current().withCancellation();
    Streams streams = new Streams(states, open, watching);
    try {
      watching.run(() -> watch(count, states, open));
      await(() -> states.get() >= count, "the streams bring nothing");
      return streams;
    } catch (RuntimeException | InterruptedException failed) {
      streams.close();
      throw failed;
    }
  }

  /**
   * Makes calls at a rate, while runs report progress.
   *
   * @param perSecond {@link MetricsCalls}
   * @param progressPerSecond records of progress
   */
  Calls calls(int perSecond, int progressPerSecond, int seconds) throws InterruptedException {
    int total = perSecond * seconds;
    long[] nanos = new long[total];
    AtomicInteger slots = new AtomicInteger();
    AtomicInteger answered = new AtomicInteger();
    AtomicInteger failed = new AtomicInteger();
    AtomicReference<Throwable> reason = new AtomicReference<>();
    long begun = System.nanoTime();
    long reported = 0;
    for (int i = 0; i < total; i++) {
      long due = begun + (long) i * TimeUnit.SECONDS.toNanos(1) / perSecond;
      while (due - System.nanoTime() > 0) {
        LockSupport.parkNanos(Math.min(TICK_NANOS, due - System.nanoTime()));
      }
      calls.call(i, new Answer(due, nanos, slots, answered, failed, reason));
      for (; reported < (long) i * progressPerSecond / perSecond; reported++) {
        if (reported % runs.size() == 0) {
          step++;
        }
        sendProgress(runs.get((int) (reported % runs.size())));
      }
    }
    await(() -> answered.get() + failed.get() == total, "calls are not answered");
    double took = (System.nanoTime() - begun) / 1e9;
    if (answered.get() == 0) {
      throw new ExecutionFailedException("no call was answered", reason.get());
    }
    long[] sorted = Arrays.copyOf(nanos, answered.get());
    Arrays.sort(sorted);
    return new Calls(
        sorted.length,
        sorted.length / took,
        failed.get(),
        Optional.ofNullable(reason.get()).map(Throwable::getMessage),
        new double[] {
          percentile(sorted, 0.5),
          percentile(sorted, 0.99),
          percentile(sorted, 0.999),
          percentile(sorted, 1)
        });
  }

  /** Ends the runs and deletes their experiment. */
  @Override
  public void close() {
    try (producer) {
      for (String run : runs) {
        send(
            Topic.PROGRESS,
            run,
            event(run)
                .setFinished(RunResult.newBuilder().setState(RunState.RUN_STATE_CANCELLED))
                .build());
      }
      producer.flush();
      await(
          () ->
              metrics.listRuns(page().addStates(RunState.RUN_STATE_RUNNING).build()).getRunsCount()
                  == 0,
          "the runs do not end");
      var unused =
          metrics.deleteExperiment(
              DeleteExperimentRequest.newBuilder().setExperiment(experiment).build());
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
    } finally {
      channel.shutdownNow();
    }
  }

  private void watch(int streams, AtomicLong states, AtomicInteger open) {
    for (int i = 0; i < streams; i++) {
      open.incrementAndGet();
      MetricsServiceGrpc.newStub(channel)
          .watchRun(
              WatchRunRequest.newBuilder().setRun(runs.get(i % runs.size())).build(),
              new StreamObserver<WatchRunResponse>() {
                @Override
                public void onNext(WatchRunResponse response) {
                  states.incrementAndGet();
                }

                @Override
                public void onError(Throwable failure) {
                  open.decrementAndGet();
                }

                @Override
                public void onCompleted() {
                  open.decrementAndGet();
                }
              });
    }
  }

  /** Notes how long after it was due a call was answered. */
  private record Answer(
      long due,
      long[] nanos,
      AtomicInteger slots,
      AtomicInteger answered,
      AtomicInteger failed,
      AtomicReference<Throwable> reason)
      implements MetricsCalls.Outcome {

    @Override
    public void onAnswer() {
      nanos[slots.getAndIncrement()] = System.nanoTime() - due;
      answered.incrementAndGet();
    }

    @Override
    public void onFailure(Throwable failure) {
      reason.set(failure);
      failed.incrementAndGet();
    }
  }

  private Ingestion ingested(long begun, long records) {
    producer.flush();
    requireSent();
    long sent = System.nanoTime();
    try {
      // Partitions may be behind one another, so the last progress of all runs is looked for.
      await(this::allSeen, "the last progress is not seen");
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      throw new ExecutionFailedException("interrupted", interrupted);
    }
    long seen = System.nanoTime();
    return new Ingestion(records, records / ((seen - begun) / 1e9), (seen - sent) / 1e9);
  }

  private boolean allSeen() {
    ListRunsRequest.Builder request = page();
    int seen = 0;
    do {
      ListRunsResponse response = metrics.listRuns(request.build());
      for (var run : response.getRunsList()) {
        if (run.getProgress().getStep() < step) {
          return false;
        }
        seen++;
      }
      request.setPageToken(response.getNextPageToken());
    } while (!request.getPageToken().isEmpty());
    return seen == runs.size();
  }

  private ListRunsRequest.Builder page() {
    return ListRunsRequest.newBuilder().setExperiment(experiment).setPageSize(500);
  }

  private void sendProgress(String run) {
    send(
        Topic.PROGRESS,
        run,
        event(run)
            .setProgress(
                Progress.newBuilder()
                    .setStep(step)
                    .setEpoch(step / 10.0)
                    .setPhase(Phase.PHASE_ONE)
                    .setTrainLoss(1.0 / step)
                    .setTrainError(0.25)
                    .setTestError(0.5)
                    .setTestLoss(2.0 / step)
                    .setLearningRate(0.1)
                    .setSnapshots(SnapshotCounts.newBuilder().setPublished(step))
                    .setSeconds(step))
            .build());
  }

  private void send(Topic topic, String run, MessageLite message) {
    requireSent();
    var unused =
        producer.send(
            new ProducerRecord<>(topic.name(), run, message.toByteArray()),
            (sent, failure) -> {
              if (failure != null) {
                unsent.compareAndSet(
                    null,
                    new KafkaException(
                        "a record could not be sent: " + failure.getMessage(), failure));
              }
            });
  }

  private void requireSent() {
    KafkaException lost = unsent.get();
    if (lost != null) {
      throw lost;
    }
  }

  private RunRequest request(String run, int seed) {
    return RunRequest.newBuilder()
        .setRun(run)
        .setExperiment(experiment)
        .setVariant(seed % 2 == 0 ? Variant.VARIANT_BASE : Variant.VARIANT_TWO_PHASE)
        .setSeed(seed / 2)
        .setSpec(ExperimentSpec.newBuilder().setName("bench-metrics"))
        .setSubmittedAt(Timestamps.now())
        // No trainer is to take it.
        .setCancelled(true)
        .build();
  }

  private static RunEvent.Builder event(String run) {
    return RunEvent.newBuilder().setRun(run).setAttempt(1).setAt(Timestamps.now());
  }

  private static double percentile(long[] sorted, double fraction) {
    return sorted[(int) Math.ceil(fraction * sorted.length) - 1] / 1e6;
  }

  private interface Condition {
    boolean holds();
  }

  private static void await(Condition condition, String otherwise) throws InterruptedException {
    long begun = System.nanoTime();
    while (!condition.holds()) {
      if (System.nanoTime() - begun > TimeUnit.SECONDS.toNanos(ANSWER_LIMIT_SECONDS)) {
        throw new ExecutionFailedException(
            "%s after %d s".formatted(otherwise, ANSWER_LIMIT_SECONDS));
      }
      TimeUnit.NANOSECONDS.sleep(PAUSE_NANOS);
    }
  }
}
