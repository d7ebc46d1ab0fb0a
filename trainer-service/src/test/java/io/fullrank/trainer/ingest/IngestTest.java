package io.fullrank.trainer.ingest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.google.protobuf.ByteString;
import com.google.protobuf.Duration;
import io.fullrank.kafka.EmbeddedKafka;
import io.fullrank.messaging.KafkaConnection;
import io.fullrank.messaging.TopicCreation;
import io.fullrank.proto.Topic;
import io.fullrank.proto.v1.AlgorithmSpec;
import io.fullrank.proto.v1.Begin;
import io.fullrank.proto.v1.DataSetIdentity;
import io.fullrank.proto.v1.DataType;
import io.fullrank.proto.v1.ExperimentSpec;
import io.fullrank.proto.v1.ExternalAlgorithm;
import io.fullrank.proto.v1.ExternalNetwork;
import io.fullrank.proto.v1.IngestServiceGrpc;
import io.fullrank.proto.v1.Loss;
import io.fullrank.proto.v1.NetworkSpec;
import io.fullrank.proto.v1.Phase;
import io.fullrank.proto.v1.PhaseTwoSolver;
import io.fullrank.proto.v1.RegisterRunRequest;
import io.fullrank.proto.v1.RegisterRunResponse;
import io.fullrank.proto.v1.ReportRequest;
import io.fullrank.proto.v1.RunEvent;
import io.fullrank.proto.v1.RunHeader;
import io.fullrank.proto.v1.RunResult;
import io.fullrank.proto.v1.RunState;
import io.fullrank.proto.v1.Snapshot;
import io.fullrank.proto.v1.SnapshotBegin;
import io.fullrank.proto.v1.TwoPhaseSpec;
import io.fullrank.proto.v1.Variant;
import io.fullrank.testsupport.Waiting;
import io.fullrank.testsupport.client.GrpcConnection;
import io.fullrank.testsupport.kafka.BrokerExtension;
import io.fullrank.trainer.TopicReader;
import io.fullrank.trainer.configuration.IngestSettings;
import io.fullrank.trainer.configuration.TrainerSettings;
import io.fullrank.trainer.endpoint.IngestEndpoint;
import io.fullrank.trainer.prometheus.IngestMetrics;
import io.fullrank.trainer.queue.AcceptedRuns;
import io.grpc.Grpc;
import io.grpc.InsecureServerCredentials;
import io.grpc.Server;
import io.grpc.Status;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.UUID;
import org.apache.kafka.clients.admin.Admin;
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

  private final ByteString key =
      ByteString.copyFromUtf8(UUID.randomUUID().toString().substring(0, 32));
  private final SimpleMeterRegistry registry = new SimpleMeterRegistry();
  private AcceptedRuns accepted;
  private Ingest ingest;
  private Server server;
  private GrpcConnection connection;

  @BeforeAll
  static void createTopics(EmbeddedKafka broker) throws Exception {
    kafka = KafkaConnection.to(broker.bootstrapServers());
    try (Admin admin = kafka.admin("test")) {
      TopicCreation.ensure(admin, Topic.ALL);
    }
  }

  @BeforeEach
  void start() throws Exception {
    IngestSettings settings =
        new IngestSettings(
            65536,
            64L << 20,
            128L << 20,
            4,
            java.time.Duration.ofSeconds(10),
            java.time.Duration.ofSeconds(60));
    TrainerSettings trainer =
        new TrainerSettings(
            "ingest-" + UUID.randomUUID(),
            "group",
            1,
            Optional.empty(),
            java.time.Duration.ZERO,
            java.time.Duration.ZERO,
            Map.of());
    accepted = new AcceptedRuns(kafka, trainer);
    ingest = new Ingest(kafka, trainer.name(), settings, accepted, new IngestMetrics(registry));
    ingest.start();
    await().atMost(Waiting.LIMIT).until(ingest::hasJoined);
    server =
        Grpc.newServerBuilderForPort(0, InsecureServerCredentials.create())
            .addService(new IngestEndpoint(new Registrations(accepted, settings), ingest))
            .build()
            .start();
    connection = GrpcConnection.to(server.getPort());
  }

  @AfterEach
  void stop() throws Exception {
    connection.close();
    ingest.close();
    accepted.close();
    server.shutdownNow().awaitTermination();
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
              RunEvent.EventCase.STARTED, RunEvent.EventCase.PROGRESS, RunEvent.EventCase.FINISHED);
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

  private ReportStream begin(String run) throws InterruptedException {
    ReportStream stream = ReportStream.open(connection.channel());
    stream.send(ReportRequest.newBuilder().setBegin(beginOf(run)));
    return stream;
  }

  private Begin.Builder beginOf(String run) {
    return Begin.newBuilder()
        .setRun(run)
        .setRunKey(key)
        .setProtocol(1)
        .setAttempt(1)
        .setDataSet(DataSetIdentity.newBuilder().setName("semeion").setTrainRows(0))
        .setTotalSteps(100)
        .setClient("test client");
  }

  private RegisterRunResponse register(RegisterRunRequest.Builder request) {
    return IngestServiceGrpc.newBlockingStub(connection.channel()).registerRun(request.build());
  }

  private RegisterRunRequest.Builder request() {
    return RegisterRunRequest.newBuilder()
        .setSpec(spec())
        .setVariant(Variant.VARIANT_TWO_PHASE)
        .setSeed(1)
        .setRunKey(key)
        .setTrainRows(ROWS);
  }

  private static ExperimentSpec.Builder spec() {
    return ExperimentSpec.newBuilder()
        .setName("outside")
        .setNetwork(
            NetworkSpec.newBuilder()
                .setExternal(
                    ExternalNetwork.newBuilder()
                        .setFramework("torch")
                        .setModel("Net")
                        .setLastHiddenWidth(WIDTH)
                        .setOutputs(10)))
        .setAlgorithm(
            AlgorithmSpec.newBuilder()
                .setExternal(
                    ExternalAlgorithm.newBuilder().setName("AdamW").putSettings("lr", "0.001")))
        .setLoss(Loss.LOSS_CROSS_ENTROPY)
        .setTwoPhase(
            TwoPhaseSpec.newBuilder()
                .setSwitchFraction(0.5)
                .setSolver(PhaseTwoSolver.PHASE_TWO_SOLVER_BASE)
                .setVerdictTimeout(Duration.newBuilder().setSeconds(30)));
  }

  private static SnapshotBegin.Builder snapshot(long step, long rows, long columns) {
    return SnapshotBegin.newBuilder()
        .setStep(step)
        .setPhase(Phase.PHASE_ONE)
        .setRows(rows)
        .setColumns(columns)
        .setType(DataType.DATA_TYPE_FLOAT32);
  }

  private static ReportRequest.Builder finished() {
    return ReportRequest.newBuilder()
        .setResult(RunResult.newBuilder().setState(RunState.RUN_STATE_FINISHED).setSteps(100));
  }

  private static byte[] features(int rows, int columns) {
    byte[] bytes = new byte[rows * columns * Float.BYTES];
    new Random(1).nextBytes(bytes);
    return bytes;
  }
}
