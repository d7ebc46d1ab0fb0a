package io.fullrank.trainer.endpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.awaitility.Awaitility.await;

import io.fullrank.messaging.KafkaConnection;
import io.fullrank.network.experiment.ExperimentFile;
import io.fullrank.proto.v1.CancelRunRequest;
import io.fullrank.proto.v1.ExperimentSpec;
import io.fullrank.proto.v1.ExternalNetwork;
import io.fullrank.proto.v1.RunEvent;
import io.fullrank.proto.v1.RunState;
import io.fullrank.proto.v1.SubmitExperimentRequest;
import io.fullrank.proto.v1.SubmitExperimentResponse;
import io.fullrank.proto.v1.TrainerServiceGrpc;
import io.fullrank.testsupport.Waiting;
import io.fullrank.testsupport.client.GrpcConnection;
import io.fullrank.testsupport.client.HttpEndpoint;
import io.fullrank.testsupport.kafka.BrokerForQuarkus;
import io.fullrank.trainer.TopicReader;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.health.v1.HealthCheckRequest;
import io.grpc.health.v1.HealthGrpc;
import io.quarkus.test.common.ResourceArg;
import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusTest;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.eclipse.microprofile.config.ConfigProvider;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The whole service as a gRPC client sees it. */
@QuarkusTest
@WithTestResource(
    value = BrokerForQuarkus.class,
    // A folder without data sets.
    initArgs = @ResourceArg(name = "fullrank.data.directory", value = "src/test/resources"))
class TrainerEndpointTest {

  private static final Duration LIMIT = Waiting.LIMIT;

  @ConfigProperty(name = "fullrank.kafka.bootstrap-servers")
  String bootstrapServers;

  BrokerForQuarkus kafka;

  private GrpcConnection connection;
  private TrainerServiceGrpc.TrainerServiceBlockingStub trainer;

  @BeforeEach
  void connect() throws Exception {
    await().atMost(LIMIT).until(() -> http().status("/q/health/ready") == 200);
    int port = ConfigProvider.getConfig().getValue("quarkus.grpc.server.test-port", Integer.class);
    connection = GrpcConnection.to(port);
    trainer = TrainerServiceGrpc.newBlockingStub(connection.channel());
  }

  @AfterEach
  void disconnect() throws InterruptedException {
    connection.close();
  }

  @Test
  void trainsEveryVariantAndSeedOfAnExperiment() {
    SubmitExperimentResponse accepted = submit(spec("seeds=[1, 2]", "epochs=1", "variants=[base]"));

    assertThat(accepted.getExperiment()).matches("small-[0-9a-f]{6}");
    assertThat(accepted.getRunsList())
        .containsExactly(
            accepted.getExperiment() + ".base.1", accepted.getExperiment() + ".base.2");
    assertThat(accepted.getWarningsList()).isEmpty();
    for (String run : accepted.getRunsList()) {
      try (TopicReader reader = new TopicReader(KafkaConnection.to(bootstrapServers), run)) {
        assertThat(reader.awaitResult(LIMIT).getState()).isEqualTo(RunState.RUN_STATE_FINISHED);
      }
    }
  }

  @Test
  void warnsOfALayerThatIsTooNarrow() {
    SubmitExperimentResponse accepted =
        submit(spec("network.widths=[16, 16]", "epochs=1", "variants=[base]"));

    assertThat(accepted.getWarningsList()).singleElement().asString().contains("100 rows");
  }

  @Test
  void namesTheFieldThatIsWrong() {
    StatusRuntimeException refused = refusal(spec().toBuilder().setEpochs(0).build());

    assertThat(refused.getStatus().getCode()).isEqualTo(Status.Code.INVALID_ARGUMENT);
    assertThat(refused.getStatus().getDescription()).contains("epochs").doesNotContain("\n");
  }

  @Test
  void refusesWhatIsTrainedOutside() {
    ExperimentSpec.Builder external = spec().toBuilder();
    external.getNetworkBuilder().setExternal(ExternalNetwork.newBuilder().setLastHiddenWidth(10));

    StatusRuntimeException refused = refusal(external.build());

    assertThat(refused.getStatus().getCode()).isEqualTo(Status.Code.INVALID_ARGUMENT);
    assertThat(refused.getStatus().getDescription())
        .isEqualTo(
            "network.external: is trained by the program that it belongs to and cannot be submitted;"
                + " that program registers its runs with IngestService.RegisterRun");
  }

  @Test
  void refusesMoreRunsAndLargerNetworksThanItsLimits() {
    ExperimentSpec.Builder many = spec("variants=[base]").toBuilder().clearSeeds();
    for (long seed = 0; seed < 2001; seed++) {
      many.addSeeds(seed);
    }
    StatusRuntimeException tooMany = refusal(many.build());
    assertThat(tooMany.getStatus().getCode()).isEqualTo(Status.Code.RESOURCE_EXHAUSTED);
    assertThat(tooMany.getStatus().getDescription())
        .isEqualTo(
            "variants × seeds: 2001 runs, at most 2000 are accepted; the server's"
                + " fullrank.trainer.max-runs sets the limit");

    StatusRuntimeException tooLarge =
        refusal(spec("network={type: fully-connected, widths: [20000, 20000]}"));
    assertThat(tooLarge.getStatus().getCode()).isEqualTo(Status.Code.RESOURCE_EXHAUSTED);
    assertThat(tooLarge.getStatus().getDescription())
        .endsWith(
            "at most 268435456 are accepted; the server's fullrank.trainer.max-parameters sets the"
                + " limit");
  }

  @Test
  void refusesWhatDoesNotFitItsMemoryOrAMessageWithTheAmounts() {
    // Within the limit of 2^28 parameters; with gradients, they are more than 2^31 bytes.
    String network = "network={type: fully-connected, widths: [16200, 16298]}";
    StatusRuntimeException tooLong = refusal(spec(network));
    assertThat(tooLong.getStatus().getCode()).isEqualTo(Status.Code.RESOURCE_EXHAUSTED);
    assertThat(tooLong.getStatus().getDescription())
        .isEqualTo(
            "a snapshot of the network has 2146962304 bytes, at most 2146435071 can be published;"
                + " make the network smaller or leave out snapshots.gradients");

    StatusRuntimeException tooLarge = refusal(spec(network, "snapshots.gradients=false"));
    assertThat(tooLarge.getStatus().getCode()).isEqualTo(Status.Code.RESOURCE_EXHAUSTED);
    assertThat(tooLarge.getStatus().getDescription())
        .startsWith("a run takes ")
        .contains(" MiB of Java heap (", "snapshot copies ", "optimiser's state ");
  }

  @Test
  void saysThatTheDataIsMissing() {
    ExperimentSpec.Builder spec = spec().toBuilder();
    spec.getDataSetBuilder().setName("semeion").setTestSize(0);

    StatusRuntimeException refused = refusal(spec.build());

    assertThat(refused.getStatus().getCode()).isEqualTo(Status.Code.FAILED_PRECONDITION);
    assertThat(refused.getStatus().getDescription()).contains("semeion").doesNotContain("\n");
  }

  @Test
  void cancelsARun() {
    SubmitExperimentResponse accepted = submit(spec("epochs=100000", "variants=[base]"));
    String run = accepted.getRuns(0);
    try (TopicReader reader = new TopicReader(KafkaConnection.to(bootstrapServers), run)) {
      reader.awaitEvent(RunEvent::hasProgress, LIMIT);

      trainer.cancelRun(CancelRunRequest.newBuilder().setRun(run).build());

      assertThat(reader.awaitResult(LIMIT).getState()).isEqualTo(RunState.RUN_STATE_CANCELLED);
    }
  }

  @Test
  void knowsWhichRunsItCannotCancel() {
    assertThat(cancelRefusal("nobody.base.1")).isEqualTo(Status.Code.NOT_FOUND);
    assertThat(cancelRefusal("")).isEqualTo(Status.Code.INVALID_ARGUMENT);
  }

  @Test
  void isReadyWhileTheBrokerAnswersAndLivesOnWhileItDoesNot() throws Exception {
    kafka.assertReadyOnlyWhileItAnswers(
        http(),
        () ->
            HealthGrpc.newBlockingStub(connection.channel())
                .check(HealthCheckRequest.getDefaultInstance())
                .getStatus());
  }

  @Test
  void answersPrometheus() throws Exception {
    assertThat(http().get("/metrics").body())
        .contains("fullrank_snapshots_published_total", "fullrank_snapshots_dropped_total")
        .contains("fullrank_ingest_streams", "fullrank_ingest_reports_total")
        .containsPattern("fullrank_build_info\\{[^}]*service=\"trainer\"[^}]*\\} 1.0");
  }

  private SubmitExperimentResponse submit(ExperimentSpec spec) {
    return trainer.submitExperiment(SubmitExperimentRequest.newBuilder().setSpec(spec).build());
  }

  private StatusRuntimeException refusal(ExperimentSpec spec) {
    return catchThrowableOfType(StatusRuntimeException.class, () -> submit(spec));
  }

  private Status.Code cancelRefusal(String run) {
    return catchThrowableOfType(
            StatusRuntimeException.class,
            () -> trainer.cancelRun(CancelRunRequest.newBuilder().setRun(run).build()))
        .getStatus()
        .getCode();
  }

  private static HttpEndpoint http() {
    return HttpEndpoint.http(
        ConfigProvider.getConfig().getValue("quarkus.http.test-port", Integer.class));
  }

  private static ExperimentSpec spec(String... overrides) {
    return ExperimentFile.read(Path.of("src/test/resources/small.yaml"), List.of(overrides));
  }
}
