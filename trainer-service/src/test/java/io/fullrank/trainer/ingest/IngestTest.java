package io.fullrank.trainer.ingest;

import static io.fullrank.trainer.ingest.ExternalRuns.features;
import static io.fullrank.trainer.ingest.ExternalRuns.finished;
import static io.fullrank.trainer.ingest.ExternalRuns.snapshot;
import static io.fullrank.trainer.ingest.ExternalRuns.spec;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.awaitility.Awaitility.await;

import com.google.protobuf.ByteString;
import io.fullrank.kafka.EmbeddedKafka;
import io.fullrank.messaging.KafkaConnection;
import io.fullrank.messaging.TopicCreation;
import io.fullrank.proto.Tensors;
import io.fullrank.proto.Topic;
import io.fullrank.proto.v1.Begin;
import io.fullrank.proto.v1.CheckRecord;
import io.fullrank.proto.v1.ExperimentSpec;
import io.fullrank.proto.v1.ExternalLayer;
import io.fullrank.proto.v1.Heartbeat;
import io.fullrank.proto.v1.Loss;
import io.fullrank.proto.v1.Phase;
import io.fullrank.proto.v1.RegisterRunRequest;
import io.fullrank.proto.v1.RegisterRunResponse;
import io.fullrank.proto.v1.ReportRequest;
import io.fullrank.proto.v1.ReportResponse;
import io.fullrank.proto.v1.RunEvent;
import io.fullrank.proto.v1.RunHeader;
import io.fullrank.proto.v1.RunResult;
import io.fullrank.proto.v1.RunState;
import io.fullrank.proto.v1.Snapshot;
import io.fullrank.proto.v1.SnapshotBegin;
import io.fullrank.proto.v1.Tensor;
import io.fullrank.proto.v1.Variant;
import io.fullrank.proto.v1.Verdict;
import io.fullrank.testsupport.Waiting;
import io.fullrank.testsupport.kafka.BrokerExtension;
import io.fullrank.trainer.TopicReader;
import io.fullrank.trainer.configuration.IngestSettings;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** What a program outside Fullrank sees that reports a run, with a real broker behind. */
@ExtendWith(BrokerExtension.class)
class IngestTest {

  private static final int WIDTH = 200;
  private static final int ROWS = 100;

  private static KafkaConnection kafka;

  private static final IngestSettings SETTINGS =
      new IngestSettings(
          65536, 64L << 20, 80L << 20, 4, Duration.ofSeconds(10), Duration.ofSeconds(60));

  private final ByteString key = ExternalRuns.newKey();
  private IngestServer server;

  @BeforeAll
  static void createTopics(EmbeddedKafka broker) throws Exception {
    kafka = KafkaConnection.to(broker.bootstrapServers());
    try (Admin admin = kafka.admin("test")) {
      TopicCreation.ensure(admin, Topic.ALL);
    }
  }

  @BeforeEach
  void start() throws Exception {
    server = IngestServer.start(kafka, SETTINGS);
  }

  @AfterEach
  void stop() throws Exception {
    server.close();
  }

  @Test
  void everythingThatIsReportedIsInKafkaWhenItIsAccepted() throws Exception {
    String run = register(request()).getRun();
    byte[] features = features(ROWS, WIDTH);
    ReportStream stream = begin(run);
    stream.progress(10);
    stream.snapshot(snapshot(10, ROWS, WIDTH), features);
    long last = stream.send(finished());

    assertThat(stream.awaitEnd()).isEqualTo(Status.OK);

    assertThat(stream.accepted()).isEqualTo(last);
    try (TopicReader published = new TopicReader(kafka, run)) {
      assertThat(published.awaitResult(Waiting.LIMIT).getState())
          .isEqualTo(RunState.RUN_STATE_FINISHED);
      assertThat(published.events())
          .extracting(RunEvent::getEventCase)
          .containsExactly(
              RunEvent.EventCase.STARTED,
              RunEvent.EventCase.HEARTBEAT,
              RunEvent.EventCase.PROGRESS,
              RunEvent.EventCase.FINISHED);
      RunHeader header = published.events().get(0).getStarted();
      assertThat(header.getTrainer()).isEqualTo("test client");
      assertThat(header.getAttempt()).isEqualTo(1);
      assertThat(header.getSpec().getNetwork().getExternal().getFramework()).isEqualTo("torch");
      Snapshot snapshot = published.awaitSnapshots(1).get(0);
      assertThat(snapshot.getHeader()).isEqualTo(header);
      assertThat(snapshot.getFeatures().getShapeList()).containsExactly((long) ROWS, (long) WIDTH);
      assertThat(snapshot.getFeatures().getData()).isEqualTo(ByteString.copyFrom(features));
      assertThat(snapshot.getFeaturesSha256().toByteArray())
          .isEqualTo(ReportStream.sha256(features));
    }
  }

  @Test
  void largeFeaturesArriveAsTheyWereSent() throws Exception {
    int rows = 2500;
    int columns = 5000;
    String run = register(request(columns)).getRun();
    byte[] features = features(rows, columns);
    ReportStream stream = begin(run);

    long last = stream.snapshot(snapshot(1, rows, columns).setWitness(true), features);

    stream.awaitAccepted(last);
    try (TopicReader published = new TopicReader(kafka, run)) {
      Snapshot snapshot = published.awaitSnapshots(1).get(0);
      assertThat(snapshot.getWitness()).isTrue();
      assertThat(snapshot.getFeatures().getData().equals(ByteString.copyFrom(features))).isTrue();
    }
    assertThat(server.gauge("fullrank.ingest.buffer")).isZero();
  }

  @Test
  void weightsAndGradientsNeedNoFeatures() throws Exception {
    String run = register(request()).getRun();
    ReportStream stream = begin(run);
    Tensor weights = Tensors.of("layer.weight", new long[] {2, 2}, new float[] {1, 2, 3, 4});

    long last =
        stream.send(
            ReportRequest.newBuilder()
                .setSnapshot(
                    SnapshotBegin.newBuilder()
                        .setStep(7)
                        .setPhase(Phase.PHASE_ONE)
                        .addWeights(weights)));

    stream.awaitAccepted(last);
    try (TopicReader published = new TopicReader(kafka, run)) {
      Snapshot snapshot = published.awaitSnapshots(1).get(0);
      assertThat(snapshot.hasFeatures()).isFalse();
      assertThat(snapshot.getWeightsList()).containsExactly(weights);
    }
  }

  @Test
  void featuresThatAreNotNumbersAreForTheCheckerToJudge() throws Exception {
    String run = register(request()).getRun();
    ByteBuffer features = ByteBuffer.allocate(ROWS * WIDTH * Float.BYTES);
    features.order(ByteOrder.LITTLE_ENDIAN).putFloat(0, Float.NaN);
    ReportStream stream = begin(run);

    stream.awaitAccepted(stream.snapshot(snapshot(1, ROWS, WIDTH), features.array()));
  }

  @Test
  void saysAtRegistrationThatTheLastHiddenLayerIsTooNarrow() {
    assertThat(register(request().setTrainRows(WIDTH + 1)).getWarningsList()).isEmpty();
    assertThat(register(request().setSeed(2).setTrainRows(WIDTH + 2)).getWarningsList())
        .containsExactly(
            "the last hidden layer has 200 units; with the bias that is 201 columns for 202 rows, so"
                + " that the features cannot have full row rank and every verdict can only be"
                + " REFUTED: use a last hidden layer of at least 201 units, or at most 201 rows");
  }

  @Test
  void registeringAgainYieldsTheSameRun() {
    RegisterRunResponse first = register(request());

    assertThat(register(request())).isEqualTo(first);
    assertThat(first.getExperiment()).matches("outside-[0-9a-f]{6}");
    assertThat(first.getRun()).isEqualTo(first.getExperiment() + ".two-phase.1");
    assertThat(first.getLimits().getMaxSnapshotBytes()).isEqualTo(64L << 20);
    assertThat(first.getLimits().getMaxPieceBytes()).isEqualTo(1 << 20);
    assertThat(first.getLimits().getHeartbeatInterval().getSeconds()).isEqualTo(10);
    RegisterRunResponse second =
        register(request().setExperiment(first.getExperiment()).setSeed(2));
    assertThat(second.getRun()).isEqualTo(first.getExperiment() + ".two-phase.2");
  }

  @Test
  void aRunBelongsToTheKeyThatItWasRegisteredWith() throws Exception {
    RegisterRunResponse mine = register(request());
    ByteString other = ByteString.copyFromUtf8("another key of enough bytes");

    assertRefused(
        request().setExperiment(mine.getExperiment()).setRunKey(other),
        Status.Code.ALREADY_EXISTS,
        "belongs to another key");
    assertThat(endOf(beginOf(mine.getRun()).setRunKey(other)))
        .satisfies(
            ended ->
                assertStatus(
                    ended,
                    Status.Code.PERMISSION_DENIED,
                    "begin.run_key: is not the key of run '%s'".formatted(mine.getRun())));
  }

  @Test
  void namesTheFieldOfARegistrationThatIsWrong() {
    assertInvalid(request().setRunKey(ByteString.copyFromUtf8("short")), "run_key: 5 bytes");
    assertInvalid(request().setVariant(Variant.VARIANT_UNSPECIFIED), "variant: ");
    assertInvalid(request().setExperiment("Not one"), "experiment: 'Not one'");
    assertInvalid(request().setTrainRows(-1), "train_rows: 18446744073709551615");
    assertInvalid(request().setSpec(spec(WIDTH).setName("No")), "spec.name: 'No'");
    assertInvalid(request().setSpec(spec(WIDTH).clearNetwork()), "spec.network.external");
    assertInvalid(request().setSpec(spec(0)), "spec.network.external.last-hidden-width");
    assertInvalid(request().setSpec(spec(WIDTH).clearAlgorithm()), "spec.algorithm.external");
    assertInvalid(request().setSpec(spec(WIDTH).clearTwoPhase()), "spec.two-phase: missing");
    assertInvalid(
        request().setSpec(spec(WIDTH).setLoss(Loss.LOSS_UNSPECIFIED)), "spec.loss: must be");
    ExperimentSpec.Builder wordy = spec(WIDTH);
    wordy.getNetworkBuilder().getExternalBuilder().setModel("m".repeat(257));
    assertInvalid(
        request().setSpec(wordy),
        "spec.network.external.model: 257 characters, must be at most 256");
    wordy.getNetworkBuilder().getExternalBuilder().setModel("two\nlines");
    assertInvalid(request().setSpec(wordy), "spec.network.external.model: has control characters");
    ExperimentSpec.Builder deep = spec(WIDTH);
    for (int layer = 0; layer < 10_000; layer++) {
      deep.getNetworkBuilder()
          .getExternalBuilder()
          .addLayers(ExternalLayer.newBuilder().setName("layer").setKind("Linear"));
    }
    assertRefused(
        request().setSpec(deep),
        Status.Code.RESOURCE_EXHAUSTED,
        "the server's fullrank.trainer.max-experiment-bytes sets the limit");
  }

  @Test
  void refusesAStreamThatDoesNotBeginAsItShould() throws Exception {
    String run = register(request()).getRun();

    assertStatus(endOf(beginOf("nobody.base.1")), Status.Code.NOT_FOUND, "'nobody.base.1'");
    assertStatus(
        endOf(beginOf(run).setProtocol(0)),
        Status.Code.FAILED_PRECONDITION,
        "begin.protocol: 0, but this server knows version 1 only");
    assertStatus(endOf(beginOf(run).setAttempt(0)), Status.Code.INVALID_ARGUMENT, "begin.attempt");
    ReportStream silent = ReportStream.open(server.channel());
    silent.progress(1);
    assertStatus(silent.awaitEnd(), Status.Code.INVALID_ARGUMENT, "begin: must come first");
    assertThat(server.counter("fullrank.ingest.refused", "NOT_FOUND")).isEqualTo(1);
  }

  @Test
  void refusesWhatDoesNotFitWhatWasAnnounced() throws Exception {
    String run = register(request()).getRun();
    byte[] features = features(ROWS, WIDTH);

    assertEnds(
        run,
        stream -> stream.announce(snapshot(1, ROWS, WIDTH + 1), features),
        Status.Code.INVALID_ARGUMENT,
        "snapshot.columns: 201, but the run was registered with a last hidden layer of 200 units");
    assertEnds(
        run,
        stream -> stream.announce(snapshot(1, 1 << 20, WIDTH), features),
        Status.Code.RESOURCE_EXHAUSTED,
        "the server's fullrank.trainer.ingest.max-snapshot-bytes sets the limit");
    assertEnds(
        run,
        stream -> {
          stream.announce(snapshot(1, ROWS, WIDTH), features(ROWS, 1));
          stream.pieces(features, 0, features.length);
        },
        Status.Code.INVALID_ARGUMENT,
        "but that of the pieces is " + HexFormat.of().formatHex(ReportStream.sha256(features)));
    assertEnds(
        run,
        stream -> stream.pieces(features, 0, features.length),
        Status.Code.INVALID_ARGUMENT,
        "features_piece: comes without a snapshot");
    assertEnds(
        run,
        stream -> {
          stream.announce(snapshot(1, ROWS, WIDTH), features);
          stream.pieces(features, 0, features.length / 2);
          stream.announce(snapshot(2, ROWS, WIDTH), features);
        },
        Status.Code.INVALID_ARGUMENT,
        "snapshot: comes before all pieces of the snapshot of step 1");
    assertEnds(
        run,
        stream -> {
          stream.announce(snapshot(1, ROWS, WIDTH), features);
          stream.halfClose();
        },
        Status.Code.INVALID_ARGUMENT,
        "the end comes before all pieces of the snapshot of step 1");
    assertEnds(
        run,
        stream -> stream.send(ReportRequest.newBuilder().setBegin(beginOf(run))),
        Status.Code.INVALID_ARGUMENT,
        "begin: comes a second time");
    try (TopicReader published = new TopicReader(kafka, run)) {
      ReportStream stream = begin(run);
      stream.send(finished());
      assertThat(stream.awaitEnd()).isEqualTo(Status.OK);
      published.awaitResult(Waiting.LIMIT);
      // Of all that was refused nothing was written, although it was before the result.
      assertThat(published.awaitSnapshots(0)).isEmpty();
    }
    assertThat(server.gauge("fullrank.ingest.buffer")).isZero();
  }

  @Test
  void aSnapshotWhoseUploadWasCutOffIsSentAgain() throws Exception {
    String run = register(request(5000)).getRun();
    byte[] features = features(1000, 5000);
    ReportStream first = begin(run);
    first.progress(1);
    first.announce(snapshot(2, 1000, 5000), features);
    first.pieces(features, 0, 10 * ReportStream.PIECE_BYTES);
    await()
        .atMost(Waiting.LIMIT)
        .until(() -> server.counter("fullrank.ingest.received") >= 5 * ReportStream.PIECE_BYTES);
    first.cancel();

    ReportStream second = begin(run);
    second.progress(1);
    second.snapshot(snapshot(2, 1000, 5000), features);
    second.send(finished());

    assertThat(second.awaitEnd()).isEqualTo(Status.OK);
    try (TopicReader published = new TopicReader(kafka, run)) {
      published.awaitResult(Waiting.LIMIT);
      assertThat(published.awaitSnapshots(1)).hasSize(1);
      assertThat(published.events()).extracting(RunEvent::getAttempt).containsOnly(1L);
    }
    assertThat(server.gauge("fullrank.ingest.buffer")).isZero();
  }

  @Test
  void theNewerStreamOfARunWrites() throws Exception {
    String run = register(request()).getRun();
    ReportStream older = begin(run);
    older.awaitAccepted(older.progress(1));

    ReportStream newer = begin(run);
    newer.awaitAccepted(newer.progress(2));

    assertStatus(older.awaitEnd(), Status.Code.ABORTED, "another stream reports run");
    ReportStream restarted = ReportStream.open(server.channel());
    restarted.awaitAccepted(
        restarted.send(
            ReportRequest.newBuilder().setBegin(beginOf(run).setAttempt(2).setResumedFromStep(1))));
    assertStatus(newer.awaitEnd(), Status.Code.ABORTED, "another stream reports run");
    assertStatus(
        endOf(beginOf(run)),
        Status.Code.FAILED_PRECONDITION,
        "attempt: 1, but attempt 2 of run '%s' is reporting".formatted(run));
    assertThat(restarted.hasEnded()).isFalse();
  }

  @Test
  void aCancelledRunIsToldToStopAndReportsItsResult() throws Exception {
    String run = register(request()).getRun();
    ReportStream stream = begin(run);
    stream.awaitAccepted(stream.progress(1));

    server.cancel(run);

    await().atMost(Waiting.LIMIT).until(() -> stops(stream) == 1);
    // The one that connects after the cancellation hears of it, too.
    ReportStream again = begin(run);
    await().atMost(Waiting.LIMIT).until(() -> stops(again) == 1);
    again.send(
        ReportRequest.newBuilder()
            .setResult(RunResult.newBuilder().setState(RunState.RUN_STATE_CANCELLED)));
    assertThat(again.awaitEnd()).isEqualTo(Status.OK);
  }

  @Test
  void verdictsComeBackAlsoAfterALostConnection() throws Exception {
    String run = register(request()).getRun();
    ReportStream stream = begin(run);
    stream.awaitAccepted(stream.progress(1));

    publish(run, 10);
    await().atMost(Waiting.LIMIT).until(() -> verdicts(stream).equals(List.of(10L)));
    stream.cancel();
    publish(run, 20);
    ReportStream again = begin(run);

    await().atMost(Waiting.LIMIT).until(() -> verdicts(again).equals(List.of(10L, 20L)));
    publish(run, 30);
    await().atMost(Waiting.LIMIT).until(() -> verdicts(again).equals(List.of(10L, 20L, 30L)));
  }

  @Test
  void aSnapshotWaitsForTheMemoryThatAnotherOneHas() throws Exception {
    String first = register(request(5000)).getRun();
    String second = register(request(5000).setSeed(2)).getRun();
    byte[] features = features(2500, 5000);
    ReportStream slow = begin(first);
    slow.announce(snapshot(1, 2500, 5000), features);
    slow.pieces(features, 0, ReportStream.PIECE_BYTES);
    await()
        .atMost(Waiting.LIMIT)
        .until(() -> server.counter("fullrank.ingest.received") >= ReportStream.PIECE_BYTES);
    ReportStream waits = begin(second);
    waits.announce(snapshot(1, 2500, 5000), features);
    CompletableFuture<Long> last =
        CompletableFuture.supplyAsync(
            () -> unchecked(() -> waits.pieces(features, 0, features.length)));

    slow.awaitAccepted(slow.pieces(features, ReportStream.PIECE_BYTES, features.length));

    waits.awaitAccepted(last.get(Waiting.LIMIT.toSeconds(), TimeUnit.SECONDS));
    try (TopicReader published = new TopicReader(kafka, second)) {
      assertThat(published.awaitSnapshots(1).get(0).getFeatures().getData().size())
          .isEqualTo(features.length);
    }
  }

  @Test
  void afterTheFirstHeartbeatsAreWrittenOnlyIfNothingElseIs() throws Exception {
    String run = register(request()).getRun();
    ReportStream stream = begin(run);
    stream.progress(1);
    for (int i = 0; i < 10; i++) {
      stream.send(ReportRequest.newBuilder().setHeartbeat(Heartbeat.getDefaultInstance()));
    }
    stream.send(finished());

    assertThat(stream.awaitEnd()).isEqualTo(Status.OK);

    try (TopicReader published = new TopicReader(kafka, run)) {
      published.awaitResult(Waiting.LIMIT);
      assertThat(published.events().stream().filter(RunEvent::hasHeartbeat)).hasSize(1);
    }
  }

  @Test
  void aStreamThatOnlyBeatsKeepsItsRunAlive() throws Exception {
    try (IngestServer quick =
        IngestServer.start(
            kafka,
            new IngestSettings(
                65536, 1 << 20, 1 << 20, 1, Duration.ofMillis(20), Duration.ofSeconds(2)))) {
      String run = quick.register(request().build()).getRun();
      ReportStream stream = ReportStream.open(quick.channel());
      stream.send(ReportRequest.newBuilder().setBegin(beginOf(run)));
      try (TopicReader published = new TopicReader(kafka, run)) {
        await()
            .atMost(Waiting.LIMIT)
            .until(
                () -> {
                  stream.send(
                      ReportRequest.newBuilder().setHeartbeat(Heartbeat.getDefaultInstance()));
                  published.poll();
                  return published.events().stream().anyMatch(RunEvent::hasHeartbeat);
                });
        assertThat(published.events().stream().filter(RunEvent::hasHeartbeat).findFirst())
            .get()
            .satisfies(
                event ->
                    assertThat(event.getHeartbeat().getInterval().getNanos())
                        .isEqualTo(20_000_000));
      }
      // One stream is allowed, and one that falls silent makes room for another.
      assertStatus(
          endOf(quick, beginOf(run)),
          Status.Code.RESOURCE_EXHAUSTED,
          "the server's fullrank.trainer.ingest.max-streams sets the limit");
      assertStatus(
          stream.awaitEnd(),
          Status.Code.UNAVAILABLE,
          "the server's fullrank.trainer.ingest.idle-timeout sets the limit");
    }
  }

  @Test
  void aSnapshotThatNeverBecomesWholeDoesNotHoldItsMemoryForEver() throws Exception {
    try (IngestServer quick =
        IngestServer.start(
            kafka,
            new IngestSettings(
                64 << 10, 1 << 20, 1 << 20, 2, Duration.ofMillis(20), Duration.ofSeconds(1)))) {
      String run = quick.register(request().build()).getRun();
      ReportStream stream = ReportStream.open(quick.channel());
      stream.send(ReportRequest.newBuilder().setBegin(beginOf(run)));
      byte[] features = features(ROWS, WIDTH);
      stream.announce(snapshot(1, ROWS, WIDTH), features);
      stream.pieces(features, 0, 4);

      // It is never silent.
      await()
          .atMost(Waiting.LIMIT)
          .pollInterval(Duration.ofMillis(20))
          .until(
              () -> {
                stream.send(
                    ReportRequest.newBuilder().setHeartbeat(Heartbeat.getDefaultInstance()));
                return stream.hasEnded();
              });

      assertStatus(
          stream.awaitEnd(),
          Status.Code.UNAVAILABLE,
          ", and 65536 bytes a second are expected after PT1S; the server's"
              + " fullrank.trainer.ingest.idle-timeout sets the limit");
    }
  }

  @Test
  void aClientThatDoesNotReadDoesNotHinderOthers() throws Exception {
    String deaf = register(request()).getRun();
    String run = register(request().setSeed(2)).getRun();
    ReportStream deafStream = ReportStream.openWithoutReading(server.channel());
    deafStream.send(ReportRequest.newBuilder().setBegin(beginOf(deaf)));
    for (int step = 0; step < 2000; step++) {
      deafStream.progress(step);
    }

    ReportStream stream = begin(run);
    stream.send(finished());

    assertThat(stream.awaitEnd()).isEqualTo(Status.OK);
    try (TopicReader published = new TopicReader(kafka, deaf)) {
      published.awaitEvent(event -> event.getProgress().getStep() == 1999, Waiting.LIMIT);
    }
  }

  @Test
  void aServerThatStopsSendsItsClientsElsewhere() throws Exception {
    String run = register(request()).getRun();
    ReportStream stream = begin(run);
    stream.awaitAccepted(stream.progress(1));

    server.stopTakingReports();

    assertStatus(stream.awaitEnd(), Status.Code.UNAVAILABLE, "connect again");
    assertStatus(endOf(beginOf(run)), Status.Code.UNAVAILABLE, "connect again");
  }

  private static long stops(ReportStream stream) {
    return stream.responses().stream().filter(ReportResponse::hasStop).count();
  }

  private static List<Long> verdicts(ReportStream stream) {
    return stream.responses().stream()
        .filter(ReportResponse::hasVerdict)
        .map(response -> response.getVerdict().getStep())
        .toList();
  }

  private void publish(String run, long step) throws Exception {
    try (KafkaProducer<String, byte[]> producer = kafka.producer("test-verdicts", Map.of())) {
      producer
          .send(
              new ProducerRecord<>(
                  Topic.VERDICTS.name(),
                  run,
                  CheckRecord.newBuilder()
                      .setVerdict(Verdict.newBuilder().setRun(run).setAttempt(1).setStep(step))
                      .build()
                      .toByteArray()))
          .get(Waiting.LIMIT.toSeconds(), TimeUnit.SECONDS);
    }
  }

  private void assertInvalid(RegisterRunRequest.Builder request, String what) {
    assertRefused(request, Status.Code.INVALID_ARGUMENT, what);
  }

  private void assertRefused(RegisterRunRequest.Builder request, Status.Code code, String what) {
    StatusRuntimeException refused =
        catchThrowableOfType(StatusRuntimeException.class, () -> register(request));
    assertThat(refused).as(what).isNotNull();
    assertStatus(refused.getStatus(), code, what);
  }

  private static void assertStatus(Status status, Status.Code code, String what) {
    assertThat(status.getCode()).as(status.toString()).isEqualTo(code);
    assertThat(status.getDescription()).contains(what).doesNotContain("\n");
  }

  private void assertEnds(String run, Reporting reporting, Status.Code code, String what)
      throws InterruptedException {
    ReportStream stream = begin(run);
    reporting.on(stream);
    assertStatus(stream.awaitEnd(), code, what);
  }

  private interface Reporting {
    void on(ReportStream stream) throws InterruptedException;
  }

  private static <T> T unchecked(Callable<T> callable) {
    try {
      return callable.call();
    } catch (Exception failed) {
      throw new CompletionException(failed);
    }
  }

  private Status endOf(Begin.Builder begin) throws InterruptedException {
    return endOf(server, begin);
  }

  private static Status endOf(IngestServer server, Begin.Builder begin)
      throws InterruptedException {
    ReportStream stream = ReportStream.open(server.channel());
    stream.send(ReportRequest.newBuilder().setBegin(begin));
    return stream.awaitEnd();
  }

  private ReportStream begin(String run) throws InterruptedException {
    ReportStream stream = ReportStream.open(server.channel());
    stream.send(ReportRequest.newBuilder().setBegin(beginOf(run)));
    return stream;
  }

  private Begin.Builder beginOf(String run) {
    return ExternalRuns.begin(run, key);
  }

  private RegisterRunResponse register(RegisterRunRequest.Builder request) {
    return server.register(request.build());
  }

  private RegisterRunRequest.Builder request() {
    return request(WIDTH);
  }

  private RegisterRunRequest.Builder request(int width) {
    return ExternalRuns.registration(key, width).setTrainRows(ROWS);
  }
}
