package io.fullrank.trainer.ingest;

import io.fullrank.messaging.KafkaConnection;
import io.fullrank.messaging.KafkaLife;
import io.fullrank.messaging.KafkaLife.Pauses;
import io.fullrank.messaging.TopicCreation;
import io.fullrank.proto.Topic;
import io.fullrank.proto.v1.ReportRequest;
import io.fullrank.proto.v1.ReportResponse;
import io.fullrank.service.runtime.ServiceHealth;
import io.fullrank.service.runtime.VitalTasks;
import io.fullrank.trainer.configuration.IngestSettings;
import io.fullrank.trainer.prometheus.IngestMetrics;
import io.fullrank.trainer.queue.AcceptedRuns;
import io.grpc.Status;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The way of external runs through this service: stream → {@link RunReport} → Kafka, and back from
 * {@link RunWatch} to the stream. While Kafka has not been reached, streams are refused.
 */
public final class Ingest implements AutoCloseable, ServiceHealth.Work {

  private static final Logger LOG = LoggerFactory.getLogger(Ingest.class);
  private static final Duration POLL = Duration.ofMillis(200);
  private static final Duration DRAIN_LIMIT = Duration.ofSeconds(5);
  private static final Duration CLOSE_LIMIT = Duration.ofSeconds(20);
  private static final int LOOKUPS = 4;

  private final KafkaConnection kafka;
  private final String name;
  private final IngestSettings settings;
  private final AcceptedRuns accepted;
  private final IngestMetrics metrics;
  private final VitalTasks tasks = new VitalTasks("The reporting of external runs");
  private final KafkaLife life;
  private volatile Optional<IngestSession> session = Optional.empty();

  /**
   * Creates what has yet to be started.
   *
   * @param name prefix of Kafka client ids
   */
  public Ingest(
      KafkaConnection kafka,
      String name,
      IngestSettings settings,
      AcceptedRuns accepted,
      IngestMetrics metrics) {
    this.kafka = kafka;
    this.name = name;
    this.settings = settings;
    this.accepted = accepted;
    this.metrics = metrics;
    this.life =
        new KafkaLife(
            "ingest",
            "Takes no reports, waiting for Kafka at " + kafka,
            new Pauses(Duration.ofMillis(250), Duration.ofSeconds(2)),
            this::serve);
  }

  /** Begins to wait for the broker, and then for streams. */
  public void start() {
    life.start();
  }

  /** Takes a client's stream of reports. */
  public StreamObserver<ReportRequest> report(ServerCallStreamObserver<ReportResponse> call) {
    Optional<IngestSession> open = session;
    if (open.isEmpty()) {
      metrics.refused(Status.Code.UNAVAILABLE);
      call.onError(
          Status.UNAVAILABLE
              .withDescription("the server has not reached Kafka yet, connect again")
              .asException());
      return new Ignored();
    }
    call.disableAutoRequest();
    RunReport report = new RunReport(open.get(), call);
    call.setOnCancelHandler(() -> report.onError(Status.CANCELLED.asException()));
    call.setOnReadyHandler(report::ready);
    open.get().onWorker(report::open);
    return report;
  }

  @Override
  public boolean hasJoined() {
    return life.hasJoined();
  }

  @Override
  public Optional<String> waitsFor() {
    return life.waitsFor();
  }

  @Override
  public boolean isAlive() {
    return life.isAlive() && tasks.isAlive();
  }

  /** Ends all streams, so that clients connect elsewhere, and writes what is whole. */
  @Override
  public void close() throws InterruptedException {
    life.stop(CLOSE_LIMIT);
  }

  private void serve(KafkaLife serving) throws InterruptedException {
    serving.waitFor("the topics of the wire contract");
    ensureTopics();
    serving.waitFor("the ends of " + Topic.VERDICTS.name());
    ScheduledThreadPoolExecutor worker = worker();
    ExecutorService sender = Executors.newSingleThreadExecutor(daemons("ingest-sender"));
    ExecutorService lookups = Executors.newFixedThreadPool(LOOKUPS, daemons("ingest-lookup"));
    KafkaProducer<String, byte[]> producer =
        kafka.producer(name + "-ingest", RecordOutlet.producerOverrides());
    try (KafkaConsumer<String, byte[]> consumer =
        kafka.consumer(
            name + "-ingest", Map.of(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "latest"))) {
      IngestSession open =
          new IngestSession(
              settings,
              worker,
              lookups,
              accepted,
              new RecordOutlet(
                  producer,
                  task -> sender.execute(tasks.guard(task)),
                  task -> worker.execute(tasks.guard(task))),
              new SnapshotMemory(settings.bufferBytes()),
              new RunWatch(consumer),
              new Writers(),
              metrics,
              tasks);
      metrics.watch(open.writers()::count, open.memory()::reserved);
      session = Optional.of(open);
      try {
        while (serving.joined()) {
          open.watch().poll(POLL);
        }
      } finally {
        session = Optional.empty();
        endAll(open);
        sender.shutdown();
        if (sender.awaitTermination(DRAIN_LIMIT.toMillis(), TimeUnit.MILLISECONDS)) {
          producer.close(DRAIN_LIMIT);
        }
      }
    } finally {
      sender.shutdownNow();
      worker.shutdownNow();
      lookups.shutdownNow();
      // It never gives up on a record by itself.
      producer.close(Duration.ZERO);
    }
  }

  /** Ends all streams, and waits until the snapshots that are whole are handed over. */
  private static void endAll(IngestSession open) throws InterruptedException {
    CompletableFuture<Void> written = new CompletableFuture<>();
    open.onWorker(
        () -> {
          CompletableFuture<?>[] all =
              open.writers().all().stream()
                  .map(
                      stream -> {
                        stream.end(
                            Status.UNAVAILABLE.withDescription(
                                "this server stops taking reports, connect again"));
                        return stream.written();
                      })
                  .toArray(CompletableFuture<?>[]::new);
          CompletableFuture<Void> unused =
              CompletableFuture.allOf(all).thenRun(() -> written.complete(null));
        });
    try {
      written.get(DRAIN_LIMIT.toMillis(), TimeUnit.MILLISECONDS);
    } catch (TimeoutException late) {
      LOG.warn("the broker did not take everything that was reported; clients send it again");
    } catch (ExecutionException impossible) {
      throw new IllegalStateException(impossible);
    }
  }

  private void ensureTopics() throws InterruptedException {
    Admin admin = kafka.admin(name + "-ingest-topics");
    try {
      TopicCreation.ensure(admin, Topic.ALL);
    } finally {
      // Without a limit it would wait for answers of a broker that is not there.
      admin.close(Duration.ZERO);
    }
  }

  private static ScheduledThreadPoolExecutor worker() {
    ScheduledThreadPoolExecutor worker = new ScheduledThreadPoolExecutor(1, daemons("ingest"));
    worker.setRemoveOnCancelPolicy(true);
    // What comes after the end is of no use to anyone.
    worker.setRejectedExecutionHandler(new ThreadPoolExecutor.DiscardPolicy());
    return worker;
  }

  private static ThreadFactory daemons(String name) {
    return task -> {
      Thread daemon = new Thread(task, name);
      daemon.setDaemon(true);
      return daemon;
    };
  }

  /** What comes on a stream that was refused. */
  private static final class Ignored implements StreamObserver<ReportRequest> {

    @Override
    public void onNext(ReportRequest request) {}

    @Override
    public void onError(Throwable cancelled) {}

    @Override
    public void onCompleted() {}
  }
}
