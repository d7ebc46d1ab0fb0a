package io.fullrank.client;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.google.protobuf.ByteString;
import io.fullrank.proto.v1.Certificate;
import io.fullrank.proto.v1.Checks;
import io.fullrank.proto.v1.DataSetIdentity;
import io.fullrank.proto.v1.ExternalAlgorithm;
import io.fullrank.proto.v1.ExternalNetwork;
import io.fullrank.proto.v1.Outcome;
import io.fullrank.proto.v1.Phase;
import io.fullrank.proto.v1.Progress;
import io.fullrank.proto.v1.ReportRequest;
import io.fullrank.proto.v1.ReportRequest.ReportCase;
import io.fullrank.proto.v1.ReportResponse;
import io.fullrank.proto.v1.Rule;
import io.fullrank.proto.v1.RuleAction;
import io.fullrank.proto.v1.RuleCondition;
import io.fullrank.proto.v1.RuleEvent;
import io.fullrank.proto.v1.RunResult;
import io.fullrank.proto.v1.RunState;
import io.fullrank.proto.v1.Stop;
import io.fullrank.proto.v1.TangentKernelParameters;
import io.fullrank.proto.v1.Verdict;
import io.fullrank.testsupport.FreePort;
import io.fullrank.testsupport.Waiting;
import io.fullrank.testsupport.server.ScriptedIngest;
import io.grpc.Status;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A run as the server sees it, and what training feels of it. */
class ExternalRunTest {

  private static final RunDescription DESCRIPTION =
      RunDescription.of(
              "semeion",
              1,
              ExternalNetwork.newBuilder().setLastHiddenWidth(20).setOutputs(10).build(),
              ExternalAlgorithm.newBuilder().setName("SGD").build())
          .dataSet(DataSetIdentity.newBuilder().setName("semeion").setTrainRows(1000).build())
          .totalSteps(100);
  private static final Duration LIMIT = Waiting.LIMIT;

  private ScriptedIngest server;
  private Connection connection;

  @BeforeEach
  void start() throws IOException {
    server = new ScriptedIngest();
    connection = Connection.to("127.0.0.1:" + server.port());
  }

  @AfterEach
  void stop() throws InterruptedException {
    server.close();
  }

  @Test
  void registersReportsInOrderAndEnds() throws InterruptedException {
    ExternalRun run = ExternalRun.start(connection, DESCRIPTION);
    run.log(step(1));
    run.features(2, new float[][] {{1, 2}, {3, 4}});
    run.log(step(3));

    assertThat(run.end(RunResult.newBuilder().setSteps(3).build(), LIMIT)).isTrue();

    assertThat(run.name()).contains(ScriptedIngest.RUN);
    assertThat(run.warnings()).containsExactly(ScriptedIngest.WARNING);
    assertThat(server.registrations())
        .singleElement()
        .satisfies(
            request -> {
              assertThat(request.getTrainRows()).isEqualTo(1000);
              assertThat(request.getRunKey().size()).isEqualTo(32);
            });
    assertThat(server.lastStream())
        .extracting(ReportRequest::getReportCase)
        .containsExactly(
            ReportCase.BEGIN,
            ReportCase.PROGRESS,
            ReportCase.SNAPSHOT,
            ReportCase.FEATURES_PIECE,
            ReportCase.PROGRESS,
            ReportCase.RESULT);
    assertThat(server.lastStream())
        .extracting(ReportRequest::getSequence)
        .containsExactly(1L, 2L, 3L, 4L, 5L, 6L);
    RunResult result = server.reports(ReportCase.RESULT).get(0).getResult();
    assertThat(result.getState()).isEqualTo(RunState.RUN_STATE_FINISHED);
    assertThat(result.getSnapshots().getPublished()).isEqualTo(1);
    assertThat(result.getSnapshots().getDropped()).isZero();
  }

  @Test
  void sendsFeaturesAgainThatAServerHadHalfOfWhenItDied() throws Exception {
    float[] matrix = matrix(500, 1000);
    server.dieAfterPieces(3);
    ExternalRun run = ExternalRun.start(connection, DESCRIPTION);
    run.log(step(1));
    run.features(2, matrix, 500, 1000);
    await().atMost(LIMIT).until(server::isDead);
    server.kill();
    run.log(step(3));
    server.startAgain();

    assertThat(run.end(RunResult.getDefaultInstance(), LIMIT)).isTrue();

    assertThat(
            server.lastStream().stream()
                .map(ReportRequest::getFeaturesPiece)
                .reduce(ByteString.EMPTY, ByteString::concat))
        .isEqualTo(joined(Features.of(matrix, 500, 1000)));
    assertThat(server.lastStream())
        .filteredOn(ReportRequest::hasBegin)
        .singleElement()
        .satisfies(report -> assertThat(report.getBegin().getAttempt()).isEqualTo(1));
    assertThat(server.registrations()).hasSize(1);
    assertThat(server.reports(ReportCase.RESULT)).hasSize(1);
    assertThat(run.snapshots().getDropped()).isZero();
  }

  @Test
  void saysThatItIsAlive() throws InterruptedException {
    server.wantHeartbeatsEvery(Duration.ofMillis(20));
    try (ExternalRun run = ExternalRun.start(connection, DESCRIPTION)) {
      await().atMost(LIMIT).until(() -> server.reports(ReportCase.HEARTBEAT).size() >= 3);
    }

    assertThat(server.reports(ReportCase.HEARTBEAT).get(0).getHeartbeat().getInterval().getNanos())
        .isEqualTo(20_000_000);
    // The program left without a result.
    assertThat(server.reports(ReportCase.RESULT).get(0).getResult().getState())
        .isEqualTo(RunState.RUN_STATE_FAILED);
  }

  @Test
  void waitsForTheVerdictOnAWitness() throws InterruptedException {
    Verdict verdict =
        Verdict.newBuilder()
            .setAttempt(1)
            .setStep(60)
            .setCertificate(Certificate.newBuilder().setOutcome(Outcome.OUTCOME_CERTIFIED))
            .build();
    server.answerSnapshots(
        snapshot -> Optional.of(ReportResponse.newBuilder().setVerdict(verdict).build()));
    try (ExternalRun run = ExternalRun.start(connection, DESCRIPTION)) {
      run.features(60, Phase.PHASE_ONE, true, Features.of(matrix(10, 20), 10, 20));

      assertThat(run.awaitVerdict(60, LIMIT)).contains(verdict);
    }

    assertThat(server.reports(ReportCase.SNAPSHOT).get(0).getSnapshot().getWitness()).isTrue();
  }

  @Test
  void waitsForTheVerdictOfTheCheckThatIsAskedFor() throws InterruptedException {
    Verdict kernel =
        Verdict.newBuilder().setAttempt(1).setStep(60).setCheck("tangent-kernel").build();
    server.answerSnapshots(
        snapshot -> Optional.of(ReportResponse.newBuilder().setVerdict(kernel).build()));
    Checks checks =
        Checks.newBuilder().setTangentKernel(TangentKernelParameters.getDefaultInstance()).build();
    try (ExternalRun run = ExternalRun.start(connection, DESCRIPTION.checks(checks))) {
      run.features(60, Phase.PHASE_ONE, false, Features.of(matrix(10, 20), 10, 20));

      assertThat(run.awaitVerdict(60, "tangent-kernel", LIMIT)).contains(kernel);
      assertThat(run.awaitVerdict(60, Duration.ZERO)).isEmpty();
    }

    assertThat(server.registrations().get(0).getSpec().getChecks()).isEqualTo(checks);
  }

  @Test
  void doesNotWaitForVerdictsThatCannotCome() throws InterruptedException {
    server.takeAtMost(100);
    try (ExternalRun run = ExternalRun.start(connection, DESCRIPTION)) {
      run.features(1, new float[][] {{1, Float.NaN}});
      run.features(2, Phase.PHASE_ONE, true, Features.of(matrix(10, 20), 10, 20));

      assertThat(run.awaitVerdict(1, LIMIT)).isEmpty();
      assertThat(run.awaitVerdict(2, LIMIT)).isEmpty();
      assertThat(run.snapshots().getPublished()).isEqualTo(2);
      assertThat(run.snapshots().getDropped()).isEqualTo(2);
    }

    assertThat(server.reports(ReportCase.SNAPSHOT)).isEmpty();
  }

  @Test
  void registersRulesAndHearsEachAdviceOnce() throws InterruptedException {
    RuleEvent advice =
        RuleEvent.newBuilder()
            .setCondition(RuleCondition.RULE_CONDITION_LOSS_DIVERGED)
            .setAction(RuleAction.RULE_ACTION_STOP)
            .setObservedStep(7)
            .setText("the loss is too high")
            .build();
    Rule rule =
        Rule.newBuilder()
            .setWhen(advice.getCondition())
            .setAction(advice.getAction())
            .setThreshold(3)
            .build();
    Verdict verdict = Verdict.newBuilder().setAttempt(1).setStep(2).build();
    // The second snapshot has a verdict, which comes after the advice was given twice.
    server.answerSnapshots(
        snapshot ->
            Optional.of(
                snapshot.getStep() < 2
                    ? ReportResponse.newBuilder().setAdvice(advice).build()
                    : ReportResponse.newBuilder().setVerdict(verdict).build()));
    List<RuleEvent> heard = new CopyOnWriteArrayList<>();
    try (ExternalRun run =
        ExternalRun.start(
            connection,
            DESCRIPTION.rules(List.of(rule)),
            event -> {
              heard.add(event);
              throw new IllegalStateException("a fault of the program");
            })) {
      for (int step = 0; step <= 2; step++) {
        sendAlone(run, step);
      }
      await().atMost(LIMIT).until(() -> run.awaitVerdict(2, LIMIT).isPresent());

      assertThat(heard).containsExactly(advice);
      assertThat(run.stopRequested()).contains("the loss is too high");
    }
    assertThat(server.registrations())
        .allSatisfy(request -> assertThat(request.getSpec().getRulesList()).containsExactly(rule));
  }

  /** Sends features, and waits until they no longer wait: of two only one is sent. */
  private void sendAlone(ExternalRun run, long step) {
    int before = server.reports(ReportCase.SNAPSHOT).size();
    run.features(step, Phase.PHASE_ONE, true, Features.of(matrix(10, 20), 10, 20));
    await().atMost(LIMIT).until(() -> server.reports(ReportCase.SNAPSHOT).size() > before);
  }

  @Test
  void aVerdictOfAnotherCheckIsNotThatOnTheFeatures() throws InterruptedException {
    Verdict other = Verdict.newBuilder().setAttempt(1).setStep(1).setCheck("collapse").build();
    Verdict verdict = other.toBuilder().setStep(2).setCheck("expressivity").build();
    server.answerSnapshots(
        snapshot ->
            Optional.of(
                ReportResponse.newBuilder()
                    .setVerdict(snapshot.getStep() == 1 ? other : verdict)
                    .build()));
    try (ExternalRun run = ExternalRun.start(connection, DESCRIPTION)) {
      sendAlone(run, 1);
      sendAlone(run, 2);

      assertThat(run.awaitVerdict(2, LIMIT)).contains(verdict);
      assertThat(run.awaitVerdict(1, Duration.ZERO)).isEmpty();
    }
  }

  @Test
  void tellsThatTrainingIsToStop() throws InterruptedException {
    server.answerSnapshots(
        snapshot ->
            Optional.of(
                ReportResponse.newBuilder()
                    .setStop(Stop.newBuilder().setReason("cancelled"))
                    .build()));
    try (ExternalRun run = ExternalRun.start(connection, DESCRIPTION)) {
      run.features(1, new float[][] {{1, 2}});

      assertThat(run.awaitVerdict(1, LIMIT)).isEmpty();
      assertThat(run.stopRequested()).contains("cancelled");
    }
  }

  @Test
  void goesOnWithoutAServerThatRefuses() throws InterruptedException {
    server.refuse(Status.UNAUTHENTICATED.withDescription("the token is\nnot known"));
    ExternalRun run = ExternalRun.start(connection, DESCRIPTION);
    run.log(step(1));

    assertThat(run.refusal()).contains("the token is not known");
    assertThat(run.awaitVerdict(1, LIMIT)).isEmpty();
    assertThat(run.end(RunResult.getDefaultInstance(), LIMIT)).isFalse();
    await().atMost(LIMIT).until(() -> run.droppedProgress() == 1);
  }

  @Test
  void reportsAServerThatComesLate() throws Exception {
    server.kill();
    ExternalRun run = ExternalRun.start(connection, DESCRIPTION);
    assertThat(run.name()).isEmpty();
    run.log(step(1));
    server.startAgain();

    assertThat(run.end(RunResult.getDefaultInstance(), LIMIT)).isTrue();

    assertThat(server.reports(ReportCase.PROGRESS)).hasSize(1);
  }

  @Test
  void neverHoldsTrainingUpWithoutAServer() throws InterruptedException {
    assertThatLoggingIsFast(Connection.to("127.0.0.1:" + FreePort.any()));
  }

  @Test
  void neverHoldsTrainingUpWhereAServerHangs() throws Exception {
    try (ServerSocket blackHole = new ServerSocket(0, 10, InetAddress.getLoopbackAddress())) {
      assertThatLoggingIsFast(Connection.to("127.0.0.1:" + blackHole.getLocalPort()));
    }
  }

  private static void assertThatLoggingIsFast(Connection connection) throws InterruptedException {
    ExternalRun run = ExternalRun.start(connection, DESCRIPTION);
    long[] nanos = new long[20_000];
    for (int i = 0; i < nanos.length; i++) {
      long begin = System.nanoTime();
      run.log(step(i));
      nanos[i] = System.nanoTime() - begin;
    }
    long begin = System.nanoTime();
    assertThat(run.end(RunResult.getDefaultInstance(), Duration.ofMillis(100))).isFalse();

    assertThat(System.nanoTime() - begin).isLessThan(Duration.ofSeconds(20).toNanos());
    Arrays.sort(nanos);
    assertThat(nanos[nanos.length * 99 / 100]).isLessThan(1_000_000);
    await().atMost(LIMIT).until(() -> run.droppedProgress() == nanos.length);
  }

  static Progress step(long step) {
    return Progress.newBuilder().setStep(step).setBatchLoss(0.5).build();
  }

  static float[] matrix(int rows, int columns) {
    Random random = new Random(1);
    float[] matrix = new float[rows * columns];
    for (int i = 0; i < matrix.length; i++) {
      matrix[i] = (float) random.nextGaussian();
    }
    return matrix;
  }

  static ByteString joined(Features features) {
    return ByteString.copyFrom(features.pieces());
  }
}
