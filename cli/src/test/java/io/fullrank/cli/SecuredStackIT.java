package io.fullrank.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.assertj.core.api.Assumptions.assumeThat;
import static org.awaitility.Awaitility.await;

import com.google.protobuf.ByteString;
import com.google.protobuf.Message;
import io.fullrank.cli.failure.ExitCode;
import io.fullrank.cli.installation.Service;
import io.fullrank.client.Connection;
import io.fullrank.client.ExternalRun;
import io.fullrank.client.RunDescription;
import io.fullrank.proto.Tensors;
import io.fullrank.proto.Topic;
import io.fullrank.proto.v1.AlgorithmSpec;
import io.fullrank.proto.v1.Begin;
import io.fullrank.proto.v1.CheckMatrixRequest;
import io.fullrank.proto.v1.CheckMatrixResponse;
import io.fullrank.proto.v1.DataSetSpec;
import io.fullrank.proto.v1.DataType;
import io.fullrank.proto.v1.DeleteExperimentRequest;
import io.fullrank.proto.v1.ExperimentSpec;
import io.fullrank.proto.v1.ExternalAlgorithm;
import io.fullrank.proto.v1.ExternalNetwork;
import io.fullrank.proto.v1.ListRunsRequest;
import io.fullrank.proto.v1.ListRunsResponse;
import io.fullrank.proto.v1.Loss;
import io.fullrank.proto.v1.MatrixHeader;
import io.fullrank.proto.v1.NetworkSpec;
import io.fullrank.proto.v1.Outcome;
import io.fullrank.proto.v1.Phase;
import io.fullrank.proto.v1.RegisterRunRequest;
import io.fullrank.proto.v1.RegisterRunResponse;
import io.fullrank.proto.v1.ReportRequest;
import io.fullrank.proto.v1.ReportResponse;
import io.fullrank.proto.v1.RunRequest;
import io.fullrank.proto.v1.RunResult;
import io.fullrank.proto.v1.RunState;
import io.fullrank.proto.v1.SnapshotBegin;
import io.fullrank.proto.v1.SubmitExperimentRequest;
import io.fullrank.proto.v1.Variant;
import io.fullrank.testsupport.FreePort;
import io.fullrank.testsupport.Waiting;
import io.fullrank.testsupport.client.HttpEndpoint;
import io.fullrank.testsupport.process.JavaCommand;
import io.fullrank.testsupport.process.PackagedService;
import io.grpc.ChannelCredentials;
import io.grpc.InsecureChannelCredentials;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.TlsChannelCredentials;
import io.grpc.util.AdvancedTlsX509KeyManager;
import java.io.IOException;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.Stream;
import javax.net.ssl.SSLSocket;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The three packaged services as they are deployed: TLS on every port, tokens and certificates,
 * Kafka with SASL_SSL and users that may do no more than they have to.
 */
class SecuredStackIT {

  private static final Duration LIMIT = Waiting.LIMIT;
  private static final String SUBMIT = "fullrank.v1.TrainerService/SubmitExperiment";
  private static final String REGISTER = "fullrank.v1.IngestService/RegisterRun";
  private static final String REPORT = "fullrank.v1.IngestService/Report";
  private static final String CHECK = "fullrank.v1.CheckerService/CheckMatrix";
  private static final String LIST = "fullrank.v1.MetricsService/ListRuns";
  private static final String DELETE = "fullrank.v1.MetricsService/DeleteExperiment";
  private static final String PEERS = "fullrank.metrics.v1.PeerService/ListExperiments";
  private static final byte[] NOTHING = {};
  // Enough runs that probably none of six partitions is empty.
  private static final int RUNS = 24;
  private static final byte[] SHARED =
      ListRunsRequest.newBuilder().setExperiment("shared").setPageSize(RUNS).build().toByteArray();

  @TempDir static Path folder;

  private static TestAuthority authority;
  private static TestTokens tokens;
  private static SecuredBroker broker;
  private static PackagedService trainer;
  private static PackagedService checker;
  private static PackagedService metrics;
  // Another instance of it: known to Kafka by its certificate, its tokens' keys are at a URL.
  private static PackagedService metrics2;
  private static int keysPort;
  private static HttpClient anybody;

  @BeforeAll
  static void start() throws Exception {
    authority = new TestAuthority(folder, "authority");
    tokens =
        new TestTokens(
            TestAuthority.newKeys(), "file", "https://issuer.example.org", "fullrank", 600);
    TestAuthority.write(folder.resolve("token.pub"), tokens.keys().getPublic());
    Files.writeString(
        folder.resolve("roles"),
        "# the roles of callers\nreader CN=prometheus\n\nsubmitter CN=submitter,O=Example\n");
    for (Service service : Service.values()) {
      authority.issue(folder, service.title(), "CN=fullrank-" + service.title());
      Files.writeString(
          folder.resolve(service.title() + ".password"),
          "fullrank-" + service.title() + "-secret\n");
    }
    broker =
        SecuredBroker.start(
            folder.resolve("kafka"),
            authority.certificate(),
            authority.issue(folder, "broker", "CN=broker"),
            List.of("fullrank-trainer", "fullrank-ingest", "fullrank-checker", "fullrank-metrics"));
    await()
        .atMost(Waiting.LIMIT)
        .pollInterval(Duration.ofMillis(500))
        .untilAsserted(
            () -> {
              assertThat(broker.isAlive()).as(broker.log()).isTrue();
              assertThat(broker.answers()).isTrue();
            });
    broker.prepare();
    anybody = https(null);
    trainer =
        start(
            Service.TRAINER,
            "trainer",
            Map.of("FULLRANK_TRAINER_INGEST_MAX_SNAPSHOT_BYTES", Integer.toString(1 << 20)));
    checker = start(Service.CHECKER, "checker", Map.of());
    metrics = start(Service.METRICS, "metrics", Map.of());
    keysPort = FreePort.any();
    Map<String, String> second = byCertificate(Service.METRICS);
    second.put("FULLRANK_METRICS_STATE_DIRECTORY", file("metrics2-state"));
    second.put("FULLRANK_AUTHORIZATION_TOKEN_KEYS", TestKeySet.at(keysPort));
    second.put("FULLRANK_AUTHORIZATION_TOKEN_KEYS_CA_FILE", authority.certificate().toString());
    metrics2 = launch(Service.METRICS, "metrics2", second);
    for (PackagedService service : List.of(trainer, checker, metrics, metrics2)) {
      service.awaitReady(at(service, anybody));
    }
  }

  @AfterAll
  static void stop() throws Exception {
    for (AutoCloseable each : new AutoCloseable[] {trainer, checker, metrics, metrics2, broker}) {
      if (each != null) {
        each.close();
      }
    }
  }

  @Test
  void saysWhereItListensAndHow() throws Exception {
    assertThat(linesWith(trainer, Integer.toString(trainer.httpPort())))
        .first()
        .asString()
        .endsWith(
            ": gRPC on 0.0.0.0:%d and HTTPS on port %d, with TLS, for callers that have a role"
                .formatted(trainer.grpcPort(), trainer.httpPort()));
    assertThat(trainer.log()).doesNotContain("http://");
  }

  @Test
  void runsAnExperimentFromTheCommandLine() throws Exception {
    Path token = folder.resolve("submitter.token");
    Files.writeString(token, tokens.of("sam", "submitter") + "\n");
    CommandRun run =
        CommandRun.of(
            "run",
            Path.of("src", "test", "resources", "end-to-end.yaml").toString(),
            "--set",
            "seeds=[1]",
            "--trainer",
            address(trainer),
            "--metrics",
            address(metrics),
            "--ca",
            authority.certificate().toString(),
            "--token-file",
            token.toString(),
            "--results",
            folder.resolve("results").toString());

    assertThat(run.status()).as("%s%n%s%n%s", run.out(), run.err(), checker.log()).isZero();
    assertThat(run.out()).contains("CERTIFIED");

    TestAuthority.Issued reader =
        authority.issueToClient(folder, "prometheus", "CN=prometheus", now());
    String[] listing = {
      "runs",
      "--metrics-port",
      Integer.toString(metrics.grpcPort()),
      "--ca",
      authority.certificate().toString()
    };
    CommandRun listed =
        CommandRun.of(
            concat(
                listing,
                "--certificate",
                reader.certificate().toString(),
                "--key",
                reader.key().toString()));
    assertThat(listed.status()).as(listed.err()).isZero();
    assertThat(listed.out()).contains("FINISHED");

    CommandRun nobody = CommandRun.of(listing);
    assertThat(nobody.status()).isEqualTo(ExitCode.FAILED);
    assertThat(nobody.err())
        .contains("refused: neither a bearer token nor a client certificate came with the call")
        .hasLineCount(1);
  }

  @Test
  void aServerThatTakesReportsAloneNeedsNoFurtherRights() throws Exception {
    Files.writeString(folder.resolve("ingest.password"), "fullrank-ingest-secret\n");
    Map<String, String> differences =
        Map.of(
            "FULLRANK_TRAINER_TRAINS", "false",
            "FULLRANK_TRAINER_NAME", "fullrank-ingest-0",
            "FULLRANK_KAFKA_USERNAME", "fullrank-ingest",
            "FULLRANK_KAFKA_PASSWORD_FILE", file("ingest.password"));
    try (PackagedService ingest = start(Service.TRAINER, "ingest", differences)) {
      ingest.awaitReady(at(ingest, anybody));
      String submitter = bearer(tokens, "submitter");
      ByteString key = ByteString.copyFromUtf8("sixteen random bytes or more");
      RegisterRunRequest request =
          RegisterRunRequest.newBuilder()
              .setSpec(externalExperiment())
              .setVariant(Variant.VARIANT_BASE)
              .setSeed(1)
              .setRunKey(key)
              .build();

      String run =
          RegisterRunResponse.parseFrom(
                  WireClient.call(
                      ingest, withoutCertificate(), REGISTER, submitter, request.toByteArray()))
              .getRun();
      List<byte[]> answers =
          WireClient.exchange(
              ingest,
              withoutCertificate(),
              REPORT,
              submitter,
              List.of(
                  ReportRequest.newBuilder()
                      .setSequence(1)
                      .setBegin(
                          Begin.newBuilder()
                              .setRun(run)
                              .setRunKey(key)
                              .setProtocol(1)
                              .setAttempt(1))
                      .build(),
                  ReportRequest.newBuilder()
                      .setSequence(2)
                      .setSnapshot(
                          SnapshotBegin.newBuilder()
                              .setStep(1)
                              .setPhase(Phase.PHASE_ONE)
                              .addWeights(Tensors.of("weight", new long[] {1}, new float[] {1})))
                      .build(),
                  ReportRequest.newBuilder()
                      .setSequence(3)
                      .setResult(RunResult.newBuilder().setState(RunState.RUN_STATE_FINISHED))
                      .build()));

      ReportResponse last = ReportResponse.parseFrom(answers.get(answers.size() - 1));
      assertThat(last.getAccepted().getSequence()).isEqualTo(3);
      assertThat(ingest.log()).doesNotContain("ERROR", "cannot be looked for", "cannot be told");
    }
    broker.endTransaction("fullrank-ingest", Topic.PROGRESS);
  }

  @Test
  void javaProgramsReportOverTls() throws Exception {
    Path token = Files.writeString(folder.resolve("java.token"), tokens.of("sam", "submitter"));
    TestAuthority.Issued submitter =
        authority.issueToClient(folder, "java", "CN=submitter,O=Example", now());
    Connection secured = Connection.to(address(trainer)).withAuthorities(authority.certificate());
    String experiment = "";
    for (Connection known :
        List.of(
            secured.withTokenFile(token),
            secured.withCertificate(submitter.certificate(), submitter.key()))) {
      ExternalRun run = ExternalRun.start(known, trainedInJava());
      run.features(1, randomFeatures());
      assertThat(run.awaitVerdict(1, LIMIT).orElseThrow().getCertificate().getOutcome())
          .isEqualTo(Outcome.OUTCOME_CERTIFIED);
      assertThat(run.end(RunResult.getDefaultInstance(), LIMIT)).isTrue();
      experiment = run.experiment().orElseThrow();
    }

    // What a program wrote to a file is played by the same rules.
    String[] line = {
      "import",
      RecordedRun.of(20, 30).write(folder.resolve("run.fullrank")).toString(),
      "--trainer-port",
      Integer.toString(trainer.grpcPort()),
      "--ca",
      authority.certificate().toString()
    };
    CommandRun imported = CommandRun.of(concat(line, "--token-file", token.toString()));
    assertThat(imported.status()).as(imported.err()).isZero();
    assertThat(CommandRun.of(line).err())
        .contains("neither a bearer token nor a client certificate")
        .hasLineCount(1);

    Path reader = Files.writeString(folder.resolve("java-r.token"), tokens.of("sam", "reader"));
    Path unknown = Files.writeString(folder.resolve("java-x.token"), "nonsense");
    assertGoesOnRefused(secured, trainedInJava(), "neither a bearer token nor a client");
    assertGoesOnRefused(secured.withTokenFile(reader), trainedInJava(), "submitter");
    assertGoesOnRefused(secured.withTokenFile(unknown), trainedInJava(), "JSON Web Token");
    // Another program's run: each description has a key of its own.
    assertGoesOnRefused(
        secured.withTokenFile(token),
        trainedInJava().joining(experiment),
        "belongs to another key");
  }

  private static void assertGoesOnRefused(
      Connection connection, RunDescription description, String why) throws Exception {
    try (ExternalRun run = ExternalRun.start(connection, description)) {
      run.features(1, randomFeatures());
      assertThat(run.awaitVerdict(1, LIMIT)).isEmpty();
      assertThat(run.refusal()).get().asString().contains(why).doesNotContain("\n");
      assertThat(run.end(RunResult.getDefaultInstance(), LIMIT)).isFalse();
    }
  }

  private static RunDescription trainedInJava() {
    return RunDescription.of(
        "java",
        1,
        ExternalNetwork.newBuilder().setLastHiddenWidth(30).setOutputs(3).build(),
        ExternalAlgorithm.newBuilder().setName("SGD").build());
  }

  private static float[][] randomFeatures() {
    Random random = new Random(1);
    float[][] features = new float[20][30];
    for (float[] row : features) {
      for (int j = 0; j < row.length; j++) {
        row[j] = (float) random.nextGaussian();
      }
    }
    return features;
  }

  /** The package's own tests of what a secured server accepts and refuses. */
  @Test
  void pythonProgramsReportOverTls() throws Exception {
    Path files = Files.createDirectory(folder.resolve("python"));
    Files.copy(authority.certificate(), files.resolve("authority.crt"));
    Files.copy(new TestAuthority(folder, "python-other").certificate(), files.resolve("other.crt"));
    authority.issueToClient(files, "submitter", "CN=submitter,O=Example", now());
    authority.issueToClient(files, "stranger", "CN=stranger", now());
    for (String role : List.of("submitter", "reader")) {
      Files.writeString(files.resolve(role + ".token"), tokens.of("sam", role) + "\n");
    }
    Files.writeString(files.resolve("unknown.token"), "nonsense\n");
    // Debian's packages are for Debian's Python, which need not be the first in the PATH.
    Optional<String> python =
        Stream.of("python3", "/usr/bin/python3")
            .filter(
                each -> status(files, each, each, "-c", "import grpc, google.protobuf, numpy") == 0)
            .findFirst();
    assumeThat(python).as("SKIPPED, no Python with grpcio, protobuf and numpy").isPresent();

    int status = status(files, python.get(), "../python/run-tests", "secured_stack");

    assertThat(status).as(Files.readString(files.resolve("log"))).isZero();
  }

  private static int status(Path files, String python, String... command) {
    try {
      ProcessBuilder program =
          new ProcessBuilder(command)
              .redirectErrorStream(true)
              .redirectOutput(ProcessBuilder.Redirect.to(files.resolve("log").toFile()));
      program.environment().put("PYTHON", python);
      program.environment().put("SECURED_SERVER", address(trainer));
      program.environment().put("SECURED_FILES", files.toString());
      return program.start().waitFor();
    } catch (IOException absent) {
      return -1;
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private static ExperimentSpec externalExperiment() {
    return ExperimentSpec.newBuilder()
        .setName("outside")
        .setNetwork(
            NetworkSpec.newBuilder()
                .setExternal(ExternalNetwork.newBuilder().setLastHiddenWidth(10).setOutputs(2)))
        .setAlgorithm(
            AlgorithmSpec.newBuilder().setExternal(ExternalAlgorithm.newBuilder().setName("SGD")))
        .setLoss(Loss.LOSS_EXTERNAL)
        .build();
  }

  @Test
  void mayReadWhatBecameOfTransactionsAndEndThem() throws Exception {
    try (AutoCloseable open = broker.openTransaction(Topic.EXPERIMENTS)) {
      for (PackagedService reader : List.of(trainer, metrics)) {
        await()
            .atMost(LIMIT)
            .untilAsserted(
                () ->
                    assertThat(reader.log())
                        .containsPattern("Waits: .* \\(open\\), which goes on"));
      }
    }
    for (Service service : Service.values()) {
      broker.endTransaction("fullrank-" + service.title(), Topic.PROGRESS);
    }
    for (PackagedService service : List.of(trainer, checker, metrics)) {
      assertThat(service.log()).doesNotContain("cannot be looked for", "cannot be told");
    }
  }

  @Test
  void refusesTokensThatDoNotCount() throws Exception {
    refuses(trainer, SUBMIT, null, Status.Code.UNAUTHENTICATED, "neither a bearer token");
    refuses(trainer, REGISTER, null, Status.Code.UNAUTHENTICATED, "neither a bearer token");
    refuses(trainer, REPORT, null, Status.Code.UNAUTHENTICATED, "neither a bearer token");
    refuses(checker, CHECK, null, Status.Code.UNAUTHENTICATED, "neither a bearer token");
    refuses(metrics, LIST, null, Status.Code.UNAUTHENTICATED, "neither a bearer token");
    refuses(
        metrics,
        "grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        null,
        Status.Code.UNAUTHENTICATED,
        "neither a bearer token");
    refuses(metrics, LIST, "Basic c2Ft", Status.Code.UNAUTHENTICATED, "no bearer token");
    refuses(metrics, LIST, "Bearer nonsense", Status.Code.UNAUTHENTICATED, "JSON Web Token");
    refuses(
        metrics,
        LIST,
        bearer(tokens.validFor(-60), "reader"),
        Status.Code.UNAUTHENTICATED,
        "expired");
    refuses(
        metrics,
        LIST,
        bearer(tokens.from("https://other.example.org"), "reader"),
        Status.Code.UNAUTHENTICATED,
        "another issuer");
    refuses(
        metrics,
        LIST,
        bearer(tokens.to("another-service"), "reader"),
        Status.Code.UNAUTHENTICATED,
        "another audience");
    refuses(
        metrics,
        LIST,
        bearer(tokens.signedWith(TestAuthority.newKeys(), "other"), "admin"),
        Status.Code.UNAUTHENTICATED,
        "not signed by a known key");
  }

  @Test
  void refusesCallersWithoutTheRole() throws Exception {
    refuses(trainer, SUBMIT, bearer(tokens, "reader"), Status.Code.PERMISSION_DENIED, "submitter");
    refuses(
        trainer, REGISTER, bearer(tokens, "reader"), Status.Code.PERMISSION_DENIED, "submitter");
    refuses(trainer, REPORT, bearer(tokens, "reader"), Status.Code.PERMISSION_DENIED, "submitter");
    refuses(checker, CHECK, bearer(tokens, "reader"), Status.Code.PERMISSION_DENIED, "submitter");
    refuses(metrics, DELETE, bearer(tokens, "submitter"), Status.Code.PERMISSION_DENIED, "admin");
    refuses(metrics, PEERS, bearer(tokens, "submitter"), Status.Code.PERMISSION_DENIED, "peer");
    refuses(metrics, LIST, bearer(tokens, "owner"), Status.Code.PERMISSION_DENIED, "reader");
    refuses(metrics, LIST, bearer(tokens), Status.Code.PERMISSION_DENIED, "reader");

    // An admin gets as far as the search for the experiment, which does not exist.
    DeleteExperimentRequest absent =
        DeleteExperimentRequest.newBuilder().setExperiment("absent").build();
    assertThat(failure(metrics, DELETE, bearer(tokens, "admin"), absent.toByteArray()).getCode())
        .isEqualTo(Status.Code.NOT_FOUND);
  }

  @Test
  void knowsCallersByTheirCertificates() throws Exception {
    ChannelCredentials reader =
        credentials(authority.issueToClient(folder, "reader", "CN=prometheus", now()));
    ChannelCredentials stranger =
        credentials(authority.issueToClient(folder, "stranger", "CN=stranger", now()));
    ChannelCredentials submitter =
        credentials(authority.issueToClient(folder, "submitter", "CN=submitter,O=Example", now()));
    ChannelCredentials itself = credentials(issuedTo(Service.METRICS));

    assertThat(WireClient.call(metrics, reader, LIST, null, NOTHING)).isNotNull();
    assertThat(WireClient.call(metrics, itself, PEERS, null, NOTHING)).isNotNull();
    refuses(metrics, reader, DELETE, null, Status.Code.PERMISSION_DENIED, "CN=prometheus");
    refuses(metrics, stranger, LIST, null, Status.Code.PERMISSION_DENIED, "CN=stranger");
    refuses(trainer, reader, SUBMIT, null, Status.Code.PERMISSION_DENIED, "submitter");
    assertThat(failure(trainer, submitter, SUBMIT, null, NOTHING).getCode())
        .isEqualTo(Status.Code.INVALID_ARGUMENT);
  }

  @Test
  void refusesConnectionsThatAreNotSecured() throws Exception {
    TestAuthority other = new TestAuthority(folder, "other");
    TestAuthority.Issued ofOthers =
        other.issueToClient(folder, "other-client", "CN=prometheus", now());
    TestAuthority.Issued expired =
        authority.issueToClient(
            folder, "expired", "CN=prometheus", now().minus(Duration.ofDays(1)));
    ChannelCredentials trustingOthers =
        TlsChannelCredentials.newBuilder().trustManager(other.certificate().toFile()).build();
    Map<PackagedService, String> calls = Map.of(trainer, SUBMIT, checker, CHECK, metrics, LIST);
    for (Map.Entry<PackagedService, String> call : calls.entrySet()) {
      PackagedService service = call.getKey();
      String toGrpc = " to port %d: ".formatted(service.grpcPort());
      for (TestAuthority.Issued client : List.of(ofOthers, expired)) {
        refusesConnection(
            service,
            () -> assertUnavailable(service, insisting(client), call.getValue()),
            toGrpc + "the client's certificate, of CN=prometheus by CN=");
      }
      refusesConnection(
          service,
          () -> assertUnavailable(service, InsecureChannelCredentials.create(), call.getValue()),
          toGrpc + "it does not speak TLS");
      // And a client does not talk to a server of another authority.
      refusesConnection(
          service,
          () -> assertUnavailable(service, trustingOthers, call.getValue()),
          toGrpc + "Received fatal alert");
      refusesConnection(
          service,
          () ->
              assertThatThrownBy(() -> service.http().get("/metrics"))
                  .isInstanceOf(IOException.class),
          " to port %d: it does not speak TLS".formatted(service.httpPort()));
      refusesConnection(
          service,
          () ->
              assertThatThrownBy(() -> at(service, https(expired)).get("/metrics"))
                  .isInstanceOf(IOException.class),
          " to port %d: the client's certificate, of CN=prometheus by CN=authority"
              .formatted(service.httpPort()));
      assertThat(service.log())
          .doesNotContain("SSLException", "SSLHandshakeException", "NotSslRecordException");
    }
    stillAnswer();
  }

  /** An attempt to connect. */
  private interface Attempt {
    void run() throws Exception;
  }

  /** Asserts that there is one line in the log, with the address it came from and the reason. */
  private static void refusesConnection(PackagedService service, Attempt attempt, String why)
      throws Exception {
    long before = refusals(service).size();
    attempt.run();
    await()
        .atMost(LIMIT)
        .untilAsserted(
            () ->
                assertThat(refusals(service).stream().skip(before))
                    .singleElement()
                    .asString()
                    .containsPattern("Refused a connection from 127\\.0\\.0\\.1:\\d+ to port")
                    .contains(why));
  }

  @Test
  void refusesWhatIsTooLong() throws Exception {
    byte[] long5MiB =
        CheckMatrixRequest.newBuilder()
            .setData(ByteString.copyFrom(new byte[5 << 20]))
            .build()
            .toByteArray();
    refuses(
        checker,
        CHECK,
        bearer(tokens, "submitter"),
        long5MiB,
        Status.Code.RESOURCE_EXHAUSTED,
        "maximum size");
    refuses(
        metrics,
        LIST,
        bearer(tokens, "reader"),
        ListRunsRequest.newBuilder().setPageToken("x".repeat(5 << 20)).build().toByteArray(),
        Status.Code.RESOURCE_EXHAUSTED,
        "maximum size");
    assertThat(checker.log()).doesNotContain("Exception processing message");
    refuses(
        trainer,
        SUBMIT,
        bearer(tokens, "submitter"),
        submission(ExperimentSpec.newBuilder().setName("x".repeat(1 << 17))),
        Status.Code.RESOURCE_EXHAUSTED,
        "fullrank.trainer.max-experiment-bytes");
    CheckMatrixRequest huge =
        CheckMatrixRequest.newBuilder()
            .setHeader(
                MatrixHeader.newBuilder()
                    .setRows(1 << 20)
                    .setColumns(1 << 20)
                    .setType(DataType.DATA_TYPE_FLOAT64))
            .build();
    refuses(
        checker,
        CHECK,
        bearer(tokens, "submitter"),
        huge.toByteArray(),
        Status.Code.RESOURCE_EXHAUSTED,
        "fullrank.checker.max-matrix-bytes");
    assertThat(
            put(metrics, "/api/v1/runs", 1 << 17, "Authorization", bearer(tokens, "reader"))
                .statusCode())
        .isEqualTo(413);
  }

  @Test
  void answersHttpToReadersAlone() throws Exception {
    for (PackagedService service : List.of(trainer, checker, metrics)) {
      assertThat(at(service, anybody).get("/q/health/live").statusCode()).isEqualTo(200);
      HttpResponse<String> unknown = at(service, anybody).get("/metrics");
      assertThat(unknown.statusCode()).isEqualTo(401);
      assertThat(unknown.headers().firstValue("WWW-Authenticate")).hasValue("Bearer");
      assertThat(at(service, anybody).get("/metrics", "Authorization", bearer(tokens)).statusCode())
          .isEqualTo(403);
      assertThat(
              at(service, anybody)
                  .get("/metrics", "Authorization", bearer(tokens, "reader"))
                  .statusCode())
          .isEqualTo(200);
    }
    for (String path :
        List.of("/", "/api/v1/runs", "/api/v1/experiments/x/events", "/q/health/..")) {
      assertThat(at(metrics, anybody).get(path).statusCode()).as(path).isEqualTo(401);
    }
    HttpClient prometheus =
        https(authority.issueToClient(folder, "https-reader", "CN=prometheus", now()));
    assertThat(at(metrics, prometheus).get("/metrics").statusCode()).isEqualTo(200);
    assertThat(at(metrics, prometheus).get("/api/v1/runs").body()).startsWith("{\"runs\":");
    assertThat(
            at(metrics, anybody)
                .get("/api/v1/runs", "Authorization", bearer(tokens, "reader"))
                .statusCode())
        .isEqualTo(200);
  }

  @Test
  void readsTheKeysOfTokensFromAUrlWheneverTheyAreThere() throws Exception {
    TestTokens first = tokens.signedWith(TestAuthority.newKeys(), "first");
    TestTokens second = tokens.signedWith(TestAuthority.newKeys(), "second");
    String unread = TestKeySet.at(keysPort) + " cannot be read: ";
    assertThat(linesWith(metrics2, unread))
        .singleElement()
        .asString()
        .contains("fullrank.authorization.token-keys: ", "until it can, no token is accepted");
    refuses(
        metrics2,
        LIST,
        bearer(first, "reader"),
        Status.Code.UNAUTHENTICATED,
        "could not be read yet");

    TestAuthority.Issued server = authority.issue(folder, "key-set", "CN=key-set");
    try (TestKeySet published = TestKeySet.start(keysPort, authority.context(server), first)) {
      accepts(metrics2, first);
      refuses(
          metrics2,
          LIST,
          bearer(second, "reader"),
          Status.Code.UNAUTHENTICATED,
          "signed by a known key");
      published.publish(first, second);
      accepts(metrics2, second);
      published.publish(second);
      await()
          .atMost(LIMIT)
          .untilAsserted(
              () ->
                  assertThat(failure(metrics2, LIST, bearer(first, "reader"), NOTHING).getCode())
                      .isEqualTo(Status.Code.UNAUTHENTICATED));
      assertThat(linesWith(metrics2, unread)).hasSize(1);
    }

    await().atMost(LIMIT).until(() -> linesWith(metrics2, unread).size() == 2);
    assertThat(linesWith(metrics2, unread).get(1)).contains("what was read before is still used");
    accepts(metrics2, second);

    // A server that shows a certificate of another authority is not asked.
    TestAuthority other = new TestAuthority(folder, "other-issuer");
    TestAuthority.Issued impostor = other.issue(folder, "impostor", "CN=key-set");
    try (TestKeySet unused = TestKeySet.start(keysPort, other.context(impostor), first)) {
      await().atMost(LIMIT).until(() -> linesWith(metrics2, unread).size() == 3);
      assertThat(linesWith(metrics2, unread).get(2)).containsIgnoringCase("certif");
      assertThat(failure(metrics2, LIST, bearer(first, "reader"), NOTHING).getCode())
          .isEqualTo(Status.Code.UNAUTHENTICATED);
      accepts(metrics2, second);
    }
  }

  @Test
  void instancesAnswerForEachOtherAndForNoOneElse() throws Exception {
    // Requests that no trainer can train, so that they end at once.
    Map<String, RunRequest> requests = new TreeMap<>();
    for (int seed = 1; seed <= RUNS; seed++) {
      String run = "shared.base.%d".formatted(seed);
      requests.put(
          run,
          RunRequest.newBuilder()
              .setRun(run)
              .setExperiment("shared")
              .setVariant(Variant.VARIANT_BASE)
              .setSeed(seed)
              .setSpec(
                  ExperimentSpec.newBuilder()
                      .setName("shared")
                      .setDataSet(DataSetSpec.newBuilder().setName("absent")))
              .build());
    }
    broker.send(Topic.EXPERIMENTS, requests);
    TestAuthority.Issued reader =
        authority.issueToClient(folder, "instances-reader", "CN=prometheus", now());
    HttpClient asReader = https(reader);
    for (PackagedService instance : List.of(metrics, metrics2)) {
      await()
          .atMost(LIMIT)
          .untilAsserted(
              () ->
                  assertThat(shared(instance, reader))
                      .containsExactlyElementsOf(requests.keySet()));
      assertThat(held(instance, asReader)).isPositive();
    }
    assertThat(linesWith(metrics2, "Refused a connection")).isEmpty();

    // Kafka lets this one in, and so it gets a share. The others do not.
    TestAuthority other = new TestAuthority(folder, "other-instances");
    TestAuthority.Issued foreign = other.issue(folder, "foreign", "CN=fullrank-metrics");
    Map<String, String> differences =
        Map.of(
            "FULLRANK_TLS_CERTIFICATE_FILE",
            foreign.certificate().toString(),
            "FULLRANK_TLS_KEY_FILE",
            foreign.key().toString(),
            "FULLRANK_METRICS_STATE_DIRECTORY",
            file("foreign-state"));
    try (PackagedService intruder = start(Service.METRICS, "foreign-metrics", differences)) {
      await()
          .atMost(LIMIT)
          .untilAsserted(
              () ->
                  assertThat(refusals(metrics))
                      .anySatisfy(
                          line ->
                              assertThat(line)
                                  .contains(
                                      "the client's certificate, of CN=fullrank-metrics by"
                                          + " CN=other-instances, is not trusted")));
      assertThat(intruder.isAlive()).isTrue();
      // What it holds is not believed either.
      await()
          .atMost(LIMIT)
          .untilAsserted(
              () ->
                  assertThat(failure(metrics, credentials(reader), LIST, null, SHARED).getCode())
                      .isEqualTo(Status.Code.UNAVAILABLE));
    }
    await()
        .atMost(LIMIT)
        .ignoreExceptionsInstanceOf(StatusRuntimeException.class)
        .untilAsserted(
            () -> assertThat(shared(metrics, reader)).containsExactlyElementsOf(requests.keySet()));
  }

  @Test
  void servesANewCertificateWhenItsFilesAreReplaced() throws Exception {
    X509Certificate before = served(checker);
    authority.issue(folder, "checker", "CN=fullrank-checker");

    await()
        .atMost(LIMIT)
        .untilAsserted(
            () ->
                assertThat(served(checker).getSerialNumber())
                    .isNotEqualTo(before.getSerialNumber()));
    stillAnswer();
  }

  @Test
  void saysWhichUserTheBrokerRefusesAndWaits() throws Exception {
    Files.writeString(folder.resolve("wrong.password"), "not-the-password");
    for (Service service : Service.values()) {
      String name = "refused-" + service.title();
      try (PackagedService refused =
          start(
              service,
              name,
              Map.of(
                  "FULLRANK_KAFKA_PASSWORD_FILE", folder.resolve("wrong.password").toString()))) {
        await()
            .atMost(LIMIT)
            .untilAsserted(
                () ->
                    assertThat(refused.log())
                        .contains("as user fullrank-" + service.title())
                        .contains("Authentication failed"));
        // The trainer's reports of external runs have a life with Kafka of their own.
        int lives = service == Service.TRAINER ? 2 : 1;
        await()
            .atMost(LIMIT)
            .untilAsserted(
                () -> assertThat(linesWith(refused, "Authentication failed")).hasSize(lives));
        assertThat(linesWith(refused, "Takes no reports")).hasSize(lives - 1);
        assertThat(refused.isAlive()).isTrue();
        assertThat(refused.log())
            .doesNotContain("not-the-password")
            .doesNotContain("SaslAuthenticationException:");
      }
    }
  }

  @Test
  void saysThatTheBrokerRefusesACertificateAndWaits() throws Exception {
    TestAuthority other = new TestAuthority(folder, "other-users");
    TestAuthority.Issued foreign = other.issue(folder, "foreign-user", "CN=fullrank-checker");
    Map<String, String> environment = byCertificate(Service.CHECKER);
    environment.put("FULLRANK_KAFKA_CERTIFICATE_FILE", foreign.certificate().toString());
    environment.put("FULLRANK_KAFKA_KEY_FILE", foreign.key().toString());
    try (PackagedService refused = launch(Service.CHECKER, "refused-certificate", environment)) {
      // It has tried more than once.
      await()
          .atMost(LIMIT)
          .until(() -> broker.log().split("\\(SSL handshake failed\\)", -1).length > 10);
      assertThat(refused.isAlive()).isTrue();
      assertThat(refused.log()).contains(" with certificate " + foreign.certificate());
      assertThat(linesWith(refused, "Received fatal alert")).hasSize(1);
      assertThat(refused.log()).doesNotContain("Exception");
    }
  }

  @Test
  void saysWhichTopicAUserMayNotUse() throws Exception {
    // The checker's user may neither read requests nor join the trainers' group.
    Map<String, String> asChecker =
        Map.of(
            "FULLRANK_KAFKA_USERNAME",
            "fullrank-checker",
            "FULLRANK_KAFKA_PASSWORD_FILE",
            folder.resolve("checker.password").toString());
    try (PackagedService refused = start(Service.TRAINER, "foreign-trainer", asChecker)) {
      await()
          .atMost(LIMIT)
          .untilAsserted(() -> assertThat(refused.log()).contains("Not authorized to access"));
      assertThat(refused.isAlive()).isTrue();
      assertThat(refused.log()).containsPattern("fullrank\\.verdicts|fullrank-trainer");
      assertThat(refused.log()).doesNotContain("AuthorizationException:");
    }
  }

  @Test
  void doesNotStartWithFilesThatCannotWork() throws Exception {
    authority.issue(folder, "old", "CN=old", now().minus(Duration.ofDays(1)));
    refusesToStart(
        Service.TRAINER,
        Map.of("FULLRANK_TLS_KEY_FILE", file("broker.key")),
        "fullrank.tls.key-file: %s is not the key of the certificate in %s"
            .formatted(file("broker.key"), file("trainer.crt")));
    refusesToStart(
        Service.CHECKER,
        Map.of("FULLRANK_TLS_CA_FILE", file("absent.crt")),
        "fullrank.tls.ca-file: %s does not exist".formatted(file("absent.crt")));
    refusesToStart(
        Service.METRICS,
        Map.of(
            "FULLRANK_TLS_CERTIFICATE_FILE",
            file("old.crt"),
            "FULLRANK_TLS_KEY_FILE",
            file("old.key")),
        "fullrank.tls.certificate-file: %s is valid from".formatted(file("old.crt")));
  }

  private static void refusesToStart(Service service, Map<String, String> wrong, String why)
      throws Exception {
    try (PackagedService refused = start(service, "unusable-" + service.title(), wrong)) {
      assertThat(refused.awaitExit()).isEqualTo(2);
      assertThat(refused.log())
          .startsWith("fullrank-%s: %s".formatted(service.title(), why))
          .hasLineCount(1);
    }
  }

  private static Map<String, String> environment(Service service) {
    Map<String, String> environment = new HashMap<>();
    environment.put("FULLRANK_HOST", "0.0.0.0");
    environment.put("FULLRANK_RELOAD_INTERVAL", "PT0.5S");
    environment.put("FULLRANK_TLS_CERTIFICATE_FILE", file(service.title() + ".crt"));
    environment.put("FULLRANK_TLS_KEY_FILE", file(service.title() + ".key"));
    environment.put("FULLRANK_TLS_CA_FILE", authority.certificate().toString());
    environment.put("FULLRANK_AUTHORIZATION_TOKEN_KEYS", file("token.pub"));
    environment.put("FULLRANK_AUTHORIZATION_TOKEN_ISSUER", tokens.issuer());
    environment.put("FULLRANK_AUTHORIZATION_TOKEN_AUDIENCE", tokens.audience());
    environment.put("FULLRANK_AUTHORIZATION_CERTIFICATE_ROLES_FILE", file("roles"));
    environment.put("FULLRANK_KAFKA_BOOTSTRAP_SERVERS", broker.bootstrapServers());
    environment.put("FULLRANK_KAFKA_SECURITY_PROTOCOL", "SASL_SSL");
    environment.put("FULLRANK_KAFKA_CA_FILE", authority.certificate().toString());
    environment.put("FULLRANK_KAFKA_USERNAME", "fullrank-" + service.title());
    environment.put("FULLRANK_KAFKA_PASSWORD_FILE", file(service.title() + ".password"));
    environment.put("FULLRANK_TRAINER_NAME", "fullrank-trainer-0");
    environment.put("FULLRANK_CHECKER_NAME", "fullrank-checker-0");
    environment.put("FULLRANK_METRICS_STATE_DIRECTORY", file("metrics-state"));
    return environment;
  }

  /** A service that Kafka knows by its certificate. */
  private static Map<String, String> byCertificate(Service service) {
    Map<String, String> environment = environment(service);
    environment
        .keySet()
        .removeAll(List.of("FULLRANK_KAFKA_USERNAME", "FULLRANK_KAFKA_PASSWORD_FILE"));
    environment.put("FULLRANK_KAFKA_SECURITY_PROTOCOL", "SSL");
    environment.put("FULLRANK_KAFKA_BOOTSTRAP_SERVERS", broker.bootstrapServersForCertificates());
    environment.put("FULLRANK_KAFKA_CERTIFICATE_FILE", file(service.title() + ".crt"));
    environment.put("FULLRANK_KAFKA_KEY_FILE", file(service.title() + ".key"));
    return environment;
  }

  private static PackagedService start(Service service, String log, Map<String, String> differences)
      throws IOException {
    Map<String, String> environment = environment(service);
    environment.putAll(differences);
    return launch(service, log, environment);
  }

  /** Starts a service that is configured by its environment alone, as in a container. */
  private static PackagedService launch(
      Service service, String log, Map<String, String> environment) throws IOException {
    return PackagedService.start(
        JavaCommand.service(service.title() + "-service").in(environment),
        folder.resolve(log + ".log"));
  }

  private static HttpEndpoint at(PackagedService service, HttpClient client) {
    return HttpEndpoint.https(client, service.httpPort());
  }

  private static String address(PackagedService service) {
    return "localhost:" + service.grpcPort();
  }

  /** Puts a body of some length where none is expected. */
  private static HttpResponse<String> put(
      PackagedService service, String path, int bytes, String... headers) throws IOException {
    HttpEndpoint endpoint = at(service, anybody);
    return endpoint.send(
        endpoint
            .request(path, headers)
            // The answer has to come before the body is sent, or the connection is reset.
            .version(HttpClient.Version.HTTP_1_1)
            .expectContinue(true)
            .PUT(HttpRequest.BodyPublishers.ofByteArray(new byte[bytes])));
  }

  private static String file(String name) {
    return folder.resolve(name).toString();
  }

  private static Instant now() {
    return Instant.now().minusSeconds(60);
  }

  private static String bearer(TestTokens signing, String... roles) throws Exception {
    return "Bearer " + signing.of("sam", roles);
  }

  private static byte[] submission(ExperimentSpec.Builder spec) {
    return SubmitExperimentRequest.newBuilder().setSpec(spec).build().toByteArray();
  }

  private static TestAuthority.Issued issuedTo(Service service) {
    return new TestAuthority.Issued(
        folder.resolve(service.title() + ".crt"),
        folder.resolve(service.title() + ".key"),
        null,
        null);
  }

  private static ChannelCredentials credentials(TestAuthority.Issued client) throws IOException {
    return TlsChannelCredentials.newBuilder()
        .trustManager(authority.certificate().toFile())
        .keyManager(client.certificate().toFile(), client.key().toFile())
        .build();
  }

  /**
   * Shows its certificate whether or not the server says that it knows the authority that signed
   * it.
   */
  private static ChannelCredentials insisting(TestAuthority.Issued client) throws Exception {
    AdvancedTlsX509KeyManager keys = new AdvancedTlsX509KeyManager();
    keys.updateIdentityCredentials(new X509Certificate[] {client.x509()}, client.privateKey());
    return TlsChannelCredentials.newBuilder()
        .trustManager(authority.certificate().toFile())
        .keyManager(keys)
        .build();
  }

  private static void assertUnavailable(
      PackagedService service, ChannelCredentials credentials, String method) throws Exception {
    Status status = failure(service, credentials, method, bearer(tokens, "admin"), NOTHING);
    assertThat(status.getCode()).as(status.toString()).isEqualTo(Status.Code.UNAVAILABLE);
  }

  private static ChannelCredentials withoutCertificate() throws IOException {
    return TlsChannelCredentials.newBuilder()
        .trustManager(authority.certificate().toFile())
        .build();
  }

  private static void refuses(
      PackagedService service, String method, String authorization, Status.Code code, String why)
      throws Exception {
    refuses(service, method, authorization, NOTHING, code, why);
  }

  private static void refuses(
      PackagedService service,
      String method,
      String authorization,
      byte[] request,
      Status.Code code,
      String why)
      throws Exception {
    refuses(service, withoutCertificate(), method, authorization, request, code, why);
  }

  private static void refuses(
      PackagedService service,
      ChannelCredentials credentials,
      String method,
      String authorization,
      Status.Code code,
      String why)
      throws Exception {
    refuses(service, credentials, method, authorization, NOTHING, code, why);
  }

  /** Asserts the status, its reason, and that there is exactly one line more in the log. */
  private static void refuses(
      PackagedService service,
      ChannelCredentials credentials,
      String method,
      String authorization,
      byte[] request,
      Status.Code code,
      String why)
      throws Exception {
    long before = refusals(service).size();
    Status status = failure(service, credentials, method, authorization, request);
    assertThat(status.getCode()).as(status.toString()).isEqualTo(code);
    assertThat(status.getDescription()).contains(why);
    await()
        .atMost(LIMIT)
        .untilAsserted(
            () -> {
              List<String> more = refusals(service).stream().skip(before).toList();
              assertThat(more).hasSize(1);
              assertThat(more.get(0)).contains("Refused " + method, code.name(), why);
            });
    if (authorization != null && authorization.length() > 40) {
      assertThat(service.log()).doesNotContain(authorization.substring(7));
    }
  }

  private static List<String> refusals(PackagedService service) throws IOException {
    return service.log().lines().filter(line -> line.contains("Refused ")).toList();
  }

  private static List<String> linesWith(PackagedService service, String text) throws IOException {
    return service.log().lines().filter(line -> line.contains(text)).toList();
  }

  private static void accepts(PackagedService service, TestTokens signing) {
    await()
        .atMost(LIMIT)
        .ignoreExceptionsInstanceOf(StatusRuntimeException.class)
        .untilAsserted(
            () ->
                assertThat(
                        WireClient.call(
                            service,
                            withoutCertificate(),
                            LIST,
                            bearer(signing, "reader"),
                            NOTHING))
                    .isNotNull());
  }

  private static List<String> shared(PackagedService service, TestAuthority.Issued reader)
      throws Exception {
    byte[] answer = WireClient.call(service, credentials(reader), LIST, null, SHARED);
    return ListRunsResponse.parseFrom(answer).getRunsList().stream()
        .map(run -> run.getRequest().getRun())
        .sorted()
        .toList();
  }

  /** Returns how many runs an instance itself holds. */
  private static int held(PackagedService service, HttpClient reader) throws IOException {
    return at(service, reader)
        .get("/metrics")
        .body()
        .lines()
        .filter(line -> line.startsWith("fullrank_runs{"))
        .mapToInt(line -> (int) Double.parseDouble(line.substring(line.indexOf(' ') + 1)))
        .sum();
  }

  private static void stillAnswer() throws Exception {
    assertThat(
            WireClient.call(metrics, withoutCertificate(), LIST, bearer(tokens, "reader"), NOTHING))
        .isNotNull();
    assertThat(failure(trainer, SUBMIT, bearer(tokens, "submitter"), NOTHING).getCode())
        .isEqualTo(Status.Code.INVALID_ARGUMENT);
    List<Message> matrix =
        List.of(
            CheckMatrixRequest.newBuilder()
                .setHeader(
                    MatrixHeader.newBuilder()
                        .setRows(1)
                        .setColumns(1)
                        .setType(DataType.DATA_TYPE_FLOAT64))
                .build(),
            CheckMatrixRequest.newBuilder()
                .setData(ByteString.copyFrom(new byte[] {0, 0, 0, 0, 0, 0, (byte) 0xf0, 0x3f}))
                .build());
    byte[] answer =
        WireClient.stream(
            checker, withoutCertificate(), CHECK, bearer(tokens, "submitter"), matrix);
    assertThat(CheckMatrixResponse.parseFrom(answer).getCertificate().getOutcome())
        .isEqualTo(Outcome.OUTCOME_CERTIFIED);
  }

  private static Status failure(
      PackagedService service, String method, String authorization, byte[] request)
      throws Exception {
    return failure(service, withoutCertificate(), method, authorization, request);
  }

  private static Status failure(
      PackagedService service,
      ChannelCredentials credentials,
      String method,
      String authorization,
      byte[] request) {
    StatusRuntimeException refused =
        catchThrowableOfType(
            StatusRuntimeException.class,
            () -> WireClient.call(service, credentials, method, authorization, request));
    assertThat(refused).as("%s was answered", method).isNotNull();
    return refused.getStatus();
  }

  private static X509Certificate served(PackagedService service) throws Exception {
    try (SSLSocket socket =
        (SSLSocket)
            authority
                .context(null)
                .getSocketFactory()
                .createSocket("localhost", service.grpcPort())) {
      socket.startHandshake();
      return (X509Certificate) socket.getSession().getPeerCertificates()[0];
    }
  }

  private static HttpClient https(TestAuthority.Issued client) throws Exception {
    return HttpClient.newBuilder().sslContext(authority.context(client)).build();
  }

  private static String[] concat(String[] first, String... second) {
    return Stream.concat(Arrays.stream(first), Arrays.stream(second)).toArray(String[]::new);
  }
}
