package io.fullrank.trainer.ingest;

import static io.fullrank.trainer.ingest.ExternalRuns.features;
import static io.fullrank.trainer.ingest.ExternalRuns.finished;
import static io.fullrank.trainer.ingest.ExternalRuns.snapshot;
import static io.fullrank.trainer.ingest.ExternalRuns.spec;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.assertj.core.api.Assertions.tuple;
import static org.awaitility.Awaitility.await;

import com.google.common.primitives.Bytes;
import com.google.protobuf.ByteString;
import io.fullrank.kafka.EmbeddedKafka;
import io.fullrank.messaging.KafkaConnection;
import io.fullrank.messaging.TopicCreation;
import io.fullrank.proto.Tensors;
import io.fullrank.proto.Topic;
import io.fullrank.proto.v1.Begin;
import io.fullrank.proto.v1.Certificate;
import io.fullrank.proto.v1.CertificateMethod;
import io.fullrank.proto.v1.CheckRecord;
import io.fullrank.proto.v1.ConvolutionGeometry;
import io.fullrank.proto.v1.DataType;
import io.fullrank.proto.v1.ExperimentSpec;
import io.fullrank.proto.v1.ExternalLayer;
import io.fullrank.proto.v1.Heartbeat;
import io.fullrank.proto.v1.JacobianFactors;
import io.fullrank.proto.v1.LayerFactors;
import io.fullrank.proto.v1.Loss;
import io.fullrank.proto.v1.Outcome;
import io.fullrank.proto.v1.Phase;
import io.fullrank.proto.v1.Progress;
import io.fullrank.proto.v1.RegisterRunRequest;
import io.fullrank.proto.v1.RegisterRunResponse;
import io.fullrank.proto.v1.ReportRequest;
import io.fullrank.proto.v1.ReportResponse;
import io.fullrank.proto.v1.Rule;
import io.fullrank.proto.v1.RuleAction;
import io.fullrank.proto.v1.RuleCondition;
import io.fullrank.proto.v1.RuleEvent;
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
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
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

  @Test
  void rulesAdviseTheClientAndAllReadersOnWhatIsReportedAndFound() throws Exception {
    RegisterRunRequest.Builder request = request();
    request
        .getSpecBuilder()
        .addRules(
            Rule.newBuilder()
                .setWhen(RuleCondition.RULE_CONDITION_LOSS_DIVERGED)
                .setThreshold(2)
                .setAction(RuleAction.RULE_ACTION_STOP))
        .addRules(
            Rule.newBuilder()
                .setWhen(RuleCondition.RULE_CONDITION_CERTIFICATE_LAPSED)
                .setAction(RuleAction.RULE_ACTION_PERTURB)
                .setNoise(0.1));
    String run = register(request).getRun();
    ReportStream stream = begin(run);
    publish(run, 1, 10, Outcome.OUTCOME_CERTIFIED);
    // Of an attempt that there is not.
    publish(run, 7, 15, Outcome.OUTCOME_REFUTED);
    publish(run, 1, 20, Outcome.OUTCOME_UNDETERMINED);
    awaitAdvice(stream, 1);
    loss(stream, 21, 0.5);
    loss(stream, 22, 1.5);
    awaitAdvice(stream, 2);

    // A stream that begins again hears of the verdicts again, and of what follows from them.
    stream.cancel();
    ReportStream again = begin(run);
    awaitAdvice(again, 1);
    assertThat(advice(again)).containsExactly(advice(stream).get(0));

    // A later attempt that goes on from there was told; its own verdicts count.
    again.cancel();
    ReportStream later = ReportStream.open(server.channel());
    later.send(
        ReportRequest.newBuilder().setBegin(beginOf(run).setAttempt(2).setResumedFromStep(20)));
    publish(run, 2, 30, Outcome.OUTCOME_REFUTED);
    awaitAdvice(later, 1);
    later.send(finished());
    assertThat(later.awaitEnd()).isEqualTo(Status.OK);

    assertThat(advice(stream))
        .extracting(RuleEvent::getAction, RuleEvent::getObservedStep)
        .containsExactly(
            tuple(RuleAction.RULE_ACTION_PERTURB, 20L), tuple(RuleAction.RULE_ACTION_STOP, 22L));
    assertThat(advice(stream).get(1).getText())
        .isEqualTo(
            "the training loss at step 22 is 1.500, above 2.000 times the first, 0.5000; advice:"
                + " stop");
    assertThat(advice(later)).extracting(RuleEvent::getObservedStep).containsExactly(30L);
    try (TopicReader published = new TopicReader(kafka, run)) {
      published.awaitResult(Waiting.LIMIT);
      List<RuleEvent> told = new ArrayList<>(advice(stream));
      told.addAll(advice(again));
      told.addAll(advice(later));
      assertThat(published.events())
          .filteredOn(RunEvent::hasRule)
          .extracting(RunEvent::getRule)
          .containsExactlyElementsOf(told);
    }
  }

  @Test
  void factorsArriveWithTheFeaturesOrNotAtAll() throws Exception {
    String run = register(request()).getRun();
    byte[] features = features(ROWS, WIDTH);
    // Of 7 examples with 10 outputs; the pieces end within a tensor.
    byte[] data = features(7 * (200 + 10 * 300) + 7 * (2 * 25 + 10 * 3 * 9), 1);
    ReportStream stream = begin(run);
    stream.send(ReportRequest.newBuilder().setSnapshot(withFactors(5, features, data, data)));
    stream.pieces(features, 0, features.length);
    stream.pieces(data, 0, 1001);
    stream.cancel();

    ReportStream again = begin(run);
    again.send(ReportRequest.newBuilder().setSnapshot(withFactors(5, features, data, data)));
    byte[] all = Bytes.concat(features, data);
    again.pieces(all, 0, 777);
    again.awaitAccepted(again.pieces(all, 777, all.length));

    try (TopicReader published = new TopicReader(kafka, run)) {
      Snapshot snapshot = published.awaitSnapshots(1).get(0);
      assertThat(snapshot.getFeatures().getData()).isEqualTo(ByteString.copyFrom(features));
      JacobianFactors factors = snapshot.getFactors();
      assertThat(factors.getGradientNorm()).isEqualTo(0.5);
      assertThat(factors.getLayersList())
          .extracting(LayerFactors::getLayer)
          .containsExactly("2", "conv");
      ByteString sent = ByteString.EMPTY;
      for (LayerFactors layer : factors.getLayersList()) {
        for (Tensor tensor : List.of(layer.getInputs(), layer.getOutputGradients())) {
          assertThat(Tensors.validate(tensor)).isPositive();
          sent = sent.concat(tensor.getData());
        }
      }
      assertThat(sent).isEqualTo(ByteString.copyFrom(data));
    }

    byte[] other = data.clone();
    other[other.length - 1] ^= 1;
    assertEnds(
        run,
        wrong -> {
          wrong.send(ReportRequest.newBuilder().setSnapshot(withFactors(6, features, data, other)));
          wrong.pieces(all, 0, all.length);
        },
        Status.Code.INVALID_ARGUMENT,
        "snapshot.factors_sha256: ");
  }

  @Test
  void refusesFactorsThatDoNotFit() throws Exception {
    String run = register(request()).getRun();
    assertFactorsRefused(
        run,
        f -> f.clearLayers(),
        Status.Code.INVALID_ARGUMENT,
        "snapshot.factors.layers: 0, must");
    assertFactorsRefused(
        run,
        f -> f.getLayersBuilder(0).getOutputGradientsBuilder().setShape(1, 11),
        Status.Code.INVALID_ARGUMENT,
        "snapshot.factors.layers[0].output_gradients.shape: [7, 11, 300], must have 3 dimensions and"
            + " begin with [7, 10]");
    assertFactorsRefused(
        run,
        f -> f.getLayersBuilder(0).getInputsBuilder().setData(ByteString.copyFrom(new byte[4])),
        Status.Code.INVALID_ARGUMENT,
        "snapshot.factors.layers[0].inputs.data: must be left out, it comes in pieces");
    assertFactorsRefused(
        run,
        f -> f.getLayersBuilder(1).setLayer("2"),
        Status.Code.INVALID_ARGUMENT,
        "snapshot.factors.layers[1].layer: is missing, or the name of a layer before");
    assertFactorsRefused(
        run,
        f -> f.getLayersBuilder(1).getConvolutionBuilder().setStrideRows(2),
        Status.Code.INVALID_ARGUMENT,
        "snapshot.factors.layers[1].convolution: pictures of 5×5 become");
    assertFactorsRefused(
        run,
        f -> f.getLossGradientsBuilder().setShape(0, 6),
        Status.Code.INVALID_ARGUMENT,
        "snapshot.factors.loss_gradients.shape: [6, 10], must be [7, 10]");
    assertFactorsRefused(
        run,
        f -> f.getLayersBuilder(0).getInputsBuilder().setShape(1, Integer.MAX_VALUE),
        Status.Code.RESOURCE_EXHAUSTED,
        "fullrank.trainer.ingest.max-snapshot-bytes");
  }

  private void assertFactorsRefused(
      String run, Consumer<JacobianFactors.Builder> change, Status.Code code, String what)
      throws InterruptedException {
    byte[] some = {1};
    SnapshotBegin.Builder snapshot = withFactors(5, some, some, some);
    change.accept(snapshot.getFactorsBuilder());
    assertEnds(
        run, stream -> stream.send(ReportRequest.newBuilder().setSnapshot(snapshot)), code, what);
  }

  private static SnapshotBegin.Builder withFactors(
      long step, byte[] features, byte[] data, byte[] announced) {
    SnapshotBegin.Builder snapshot = snapshot(step, ROWS, WIDTH);
    snapshot
        .setFeaturesSha256(ByteString.copyFrom(ReportStream.sha256(features)))
        .setFactorsSha256(ByteString.copyFrom(ReportStream.sha256(announced)));
    JacobianFactors.Builder factors = snapshot.getFactorsBuilder();
    factors.setGradientNorm(0.5).setLossGradients(tensor(7, 10).setData(zeros(7 * 10)));
    factors
        .addLayersBuilder()
        .setLayer("2")
        .setBias(true)
        .setInputs(tensor(7, 200))
        .setOutputGradients(tensor(7, 10, 300));
    factors
        .addLayersBuilder()
        .setLayer("conv")
        .setInputs(tensor(7, 2, 5, 5))
        .setOutputGradients(tensor(7, 10, 3, 3, 3))
        .setConvolution(
            ConvolutionGeometry.newBuilder()
                .setKernelRows(3)
                .setKernelColumns(3)
                .setStrideRows(1)
                .setStrideColumns(1)
                .setDilationRows(1)
                .setDilationColumns(1)
                .setGroups(1));
    return snapshot;
  }

  private static Tensor.Builder tensor(long... shape) {
    Tensor.Builder tensor = Tensor.newBuilder().setType(DataType.DATA_TYPE_FLOAT32);
    for (long size : shape) {
      tensor.addShape(size);
    }
    return tensor;
  }

  private static ByteString zeros(int entries) {
    return ByteString.copyFrom(new byte[entries * Float.BYTES]);
  }

  @Test
  void refusesRulesThatAreNone() {
    RegisterRunRequest.Builder request = request();
    request.getSpecBuilder().addRules(Rule.getDefaultInstance());
    assertInvalid(request, "rules[0].when: must be certificate-lapsed, ");
  }

  private static void loss(ReportStream stream, long step, double loss) throws Exception {
    stream.send(
        ReportRequest.newBuilder()
            .setProgress(Progress.newBuilder().setStep(step).setBatchLoss(loss)));
  }

  private static List<RuleEvent> advice(ReportStream stream) {
    return stream.responses().stream()
        .filter(ReportResponse::hasAdvice)
        .map(ReportResponse::getAdvice)
        .toList();
  }

  private static void awaitAdvice(ReportStream stream, int count) {
    await().atMost(Waiting.LIMIT).until(() -> advice(stream).size() >= count);
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
    publish(Verdict.newBuilder().setRun(run).setAttempt(1).setStep(step).build());
  }

  private void publish(String run, long attempt, long step, Outcome outcome) throws Exception {
    publish(
        Verdict.newBuilder()
            .setRun(run)
            .setAttempt(attempt)
            .setStep(step)
            .setCheck("expressivity")
            .setCertificate(
                Certificate.newBuilder()
                    .setOutcome(outcome)
                    .setMethod(CertificateMethod.CERTIFICATE_METHOD_CHOLESKY))
            .build());
  }

  private void publish(Verdict verdict) throws Exception {
    try (KafkaProducer<String, byte[]> producer = kafka.producer("test-verdicts", Map.of())) {
      producer
          .send(
              new ProducerRecord<>(
                  Topic.VERDICTS.name(),
                  verdict.getRun(),
                  CheckRecord.newBuilder().setVerdict(verdict).build().toByteArray()))
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
