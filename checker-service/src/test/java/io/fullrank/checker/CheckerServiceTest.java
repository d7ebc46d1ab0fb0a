package io.fullrank.checker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.awaitility.Awaitility.await;

import com.google.protobuf.ByteString;
import grpc.health.v1.HealthGrpc;
import grpc.health.v1.HealthOuterClass.HealthCheckRequest;
import grpc.health.v1.HealthOuterClass.HealthCheckResponse.ServingStatus;
import io.fullrank.proto.v1.Certificate;
import io.fullrank.proto.v1.CertificateMethod;
import io.fullrank.proto.v1.CertificateStage;
import io.fullrank.proto.v1.CheckMatrixRequest;
import io.fullrank.proto.v1.CheckMatrixResponse;
import io.fullrank.proto.v1.CheckMethod;
import io.fullrank.proto.v1.CheckRecord;
import io.fullrank.proto.v1.CheckerServiceGrpc;
import io.fullrank.proto.v1.DataType;
import io.fullrank.proto.v1.MatrixHeader;
import io.fullrank.proto.v1.Outcome;
import io.fullrank.proto.v1.Spectrum;
import io.fullrank.testsupport.Waiting;
import io.fullrank.testsupport.client.GrpcConnection;
import io.fullrank.testsupport.client.HttpEndpoint;
import io.fullrank.testsupport.kafka.BrokerForQuarkus;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.reflection.v1.ServerReflectionGrpc;
import io.grpc.reflection.v1.ServerReflectionRequest;
import io.grpc.reflection.v1.ServerReflectionResponse;
import io.grpc.reflection.v1.ServiceResponse;
import io.grpc.stub.StreamObserver;
import io.quarkus.test.common.ResourceArg;
import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusTest;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Stream;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The service as it runs, spoken to as its clients do. */
@QuarkusTest
@WithTestResource(
    value = BrokerForQuarkus.class,
    initArgs = {
      @ResourceArg(name = "fullrank.checker.max-matrix-bytes", value = "33554432"),
      @ResourceArg(name = "fullrank.checker.matrix-idle-timeout", value = "PT4S")
    })
class CheckerServiceTest {

  private static final Duration LIMIT = Waiting.LIMIT;

  @ConfigProperty(name = "fullrank.kafka.bootstrap-servers")
  String bootstrapServers;

  @ConfigProperty(name = "quarkus.grpc.server.test-port")
  int grpcPort;

  @ConfigProperty(name = "quarkus.http.test-port")
  int httpPort;

  BrokerForQuarkus kafka;

  private GrpcConnection connection;
  private ManagedChannel channel;

  @BeforeEach
  void connect() {
    connection = GrpcConnection.to(grpcPort);
    channel = connection.channel();
  }

  @AfterEach
  void disconnect() throws InterruptedException {
    connection.close();
  }

  @Test
  void publishesTheVerdictOnASnapshotAndCountsIt() throws Exception {
    await().atMost(LIMIT).until(() -> get("/q/health/ready").statusCode() == 200);
    try (Wire wire = new Wire(bootstrapServers)) {
      wire.publish(StrokesSnapshots.snapshot("run-1", 120), 3);

      await().atMost(LIMIT).until(() -> wire.records().size() == 1);

      CheckRecord record = wire.records().get(0);
      assertThat(record.getVerdict().getCertificate().getOutcome())
          .isEqualTo(Outcome.OUTCOME_CERTIFIED);
      assertThat(record.getVerdict().getChecker()).contains("fullrank-checker");
    }
    await()
        .atMost(LIMIT)
        .untilAsserted(
            () ->
                assertThat(get("/metrics").body())
                    .containsPattern(
                        "fullrank_checker_checks_total\\{check=\"expressivity\",outcome=\"certified\"[^}]*\\}"
                            + " 1.0")
                    .containsPattern(
                        "fullrank_checker_skipped_total\\{reason=\"superseded\"[^}]*\\} 0.0")
                    .contains("fullrank_checker_check_duration_seconds_bucket")
                    .contains("fullrank_checker_verdict_latency_seconds_bucket")
                    .contains("fullrank_checker_carried_over_total 0.0")
                    .contains("fullrank_checker_dead_letters_total 0.0")
                    .contains("fullrank_checker_pending_snapshots 0.0")
                    .contains("fullrank_checker_held_bytes 0.0")
                    .contains("fullrank_checker_lag_records 0.0")
                    .contains("fullrank_build_info{"));
  }

  @Test
  void offersReflectionAndHealth() {
    CompletableFuture<List<ServiceResponse>> services = new CompletableFuture<>();
    StreamObserver<ServerReflectionRequest> reflection =
        ServerReflectionGrpc.newStub(channel)
            .serverReflectionInfo(
                new First<ServerReflectionResponse, List<ServiceResponse>>(
                    services, answer -> answer.getListServicesResponse().getServiceList()));
    reflection.onNext(ServerReflectionRequest.newBuilder().setListServices("").build());

    assertThat(services.join())
        .extracting(ServiceResponse::getName)
        .contains("fullrank.v1.CheckerService");
    reflection.onCompleted();
    await().atMost(LIMIT).until(() -> grpcHealth() == ServingStatus.SERVING);
  }

  private ServingStatus grpcHealth() {
    return HealthGrpc.newBlockingStub(channel)
        .check(HealthCheckRequest.getDefaultInstance())
        .getStatus();
  }

  @Test
  void isReadyWhileTheBrokerAnswersAndLivesOnWhileItDoesNot() throws Exception {
    kafka.assertReadyOnlyWhileItAnswers(HttpEndpoint.http(httpPort), this::grpcHealth);
  }

  @Test
  void certifiesMatricesOfAllTypesCutAnywhere() {
    // Singular values 5 and 2: the rows are orthogonal.
    double[] values = {3, 4, 0, 0, 0, 2};
    for (DataType type :
        List.of(
            DataType.DATA_TYPE_FLOAT16,
            DataType.DATA_TYPE_BFLOAT16,
            DataType.DATA_TYPE_FLOAT32,
            DataType.DATA_TYPE_FLOAT64)) {
      ByteString data = encode(type, values);

      Certificate certificate =
          check(
              header(2, 3, type, false),
              data(data.substring(0, 1)),
              data(data.substring(1, 7)),
              data(data.substring(7)));

      assertThat(certificate.getOutcome()).as("%s", type).isEqualTo(Outcome.OUTCOME_CERTIFIED);
      assertThat(certificate.getRows()).isEqualTo(2);
      assertThat(certificate.getColumns()).isEqualTo(3);
      assertThat(certificate.getSigmaMinLowerBound())
          .isLessThanOrEqualTo(2)
          .isCloseTo(2, within(0.2));
      assertThat(certificate.getSigmaMaxUpperBound()).isGreaterThanOrEqualTo(5);
    }
  }

  @Test
  void appendsTheColumnOfOnesWhenAsked() {
    // Two equal rows but for one entry: rank 1 alone, rank 2 with a column of ones.
    ByteString data = encode(DataType.DATA_TYPE_FLOAT32, 1, 2);

    Certificate alone = check(header(2, 1, DataType.DATA_TYPE_FLOAT32, false), data(data));
    Certificate withOnes = check(header(2, 1, DataType.DATA_TYPE_FLOAT32, true), data(data));

    assertThat(alone.getOutcome()).isEqualTo(Outcome.OUTCOME_REFUTED);
    assertThat(withOnes.getOutcome()).isEqualTo(Outcome.OUTCOME_CERTIFIED);
    assertThat(withOnes.getColumns()).isEqualTo(2);
  }

  @Test
  void refusesWhatIsNoMatrixAndNamesTheField() {
    DataType f32 = DataType.DATA_TYPE_FLOAT32;
    ByteString one = encode(f32, 1);

    assertRefused(Status.Code.INVALID_ARGUMENT, "header: is missing");
    assertRefused(Status.Code.INVALID_ARGUMENT, "data: comes before the header", data(one));
    assertRefused(Status.Code.INVALID_ARGUMENT, "part:", CheckMatrixRequest.getDefaultInstance());
    assertRefused(
        Status.Code.INVALID_ARGUMENT,
        "header: comes a second time",
        header(1, 1, f32, false),
        header(1, 1, f32, false));
    assertRefused(Status.Code.INVALID_ARGUMENT, "header.rows: 0", header(0, 1, f32, false));
    assertRefused(Status.Code.INVALID_ARGUMENT, "header.columns: 0", header(1, 0, f32, false));
    assertRefused(
        Status.Code.INVALID_ARGUMENT,
        "header.rows: 18446744073709551615",
        header(-1, 1, f32, false));
    assertRefused(
        Status.Code.INVALID_ARGUMENT,
        "more than can be addressed",
        header(1L << 32, 1L << 32, f32, false));
    assertRefused(
        Status.Code.INVALID_ARGUMENT,
        "more than can be addressed",
        header(1, Long.MAX_VALUE, f32, true));
    assertRefused(
        Status.Code.INVALID_ARGUMENT,
        "header.type: unknown element type 0",
        header(1, 1, DataType.DATA_TYPE_UNSPECIFIED, false));
    assertRefused(
        Status.Code.INVALID_ARGUMENT,
        "header.type: unknown element type 99",
        CheckMatrixRequest.newBuilder()
            .setHeader(MatrixHeader.newBuilder().setRows(1).setColumns(1).setTypeValue(99))
            .build());
    assertRefused(
        Status.Code.INVALID_ARGUMENT,
        "data: 4 bytes, the header asks for 8",
        header(1, 2, f32, false),
        data(one));
    assertRefused(
        Status.Code.INVALID_ARGUMENT,
        "data: 3 bytes, the header asks for 4",
        header(1, 1, f32, false),
        data(one.substring(1)));
    assertRefused(
        Status.Code.INVALID_ARGUMENT,
        "more than the 4 bytes",
        header(1, 1, f32, false),
        data(one),
        data(one.substring(1)));
    assertRefused(
        Status.Code.INVALID_ARGUMENT,
        "row 1, column 0",
        header(2, 1, f32, true),
        data(encode(f32, 1, Double.NaN)));
  }

  @Test
  void refusesWhatIsTooLargeAndSaysHowMuchIsAllowed() {
    DataType f16 = DataType.DATA_TYPE_FLOAT16;

    // 18 MB as float16 are 72 MB as float64.
    assertRefused(
        Status.Code.RESOURCE_EXHAUSTED,
        "takes 72000000 bytes as float64, at most 33554432 are allowed",
        header(3000, 3000, f16, false));
    assertRefused(
        Status.Code.RESOURCE_EXHAUSTED,
        "fullrank.checker.max-matrix-bytes",
        header(1 << 16, 1 << 16, f16, false));
  }

  @Test
  void countsTheMatricesOfAllClientsTogetherAndForgetsThoseThatGo() {
    CompletableFuture<CheckMatrixResponse> first = new CompletableFuture<>();
    StreamObserver<CheckMatrixRequest> upload =
        CheckerServiceGrpc.newStub(channel).checkMatrix(new First<>(first, answer -> answer));
    upload.onNext(header(1500, 1500, DataType.DATA_TYPE_FLOAT64, false));

    await()
        .atMost(LIMIT)
        .untilAsserted(
            () ->
                assertRefused(
                    Status.Code.RESOURCE_EXHAUSTED,
                    "try again later",
                    header(1500, 1500, DataType.DATA_TYPE_FLOAT64, false)));
    upload.onError(new IllegalStateException("the client goes away"));

    ByteString one = encode(DataType.DATA_TYPE_FLOAT64, 1);
    // Room again: the header alone is refused for its missing bytes only.
    await()
        .atMost(LIMIT)
        .untilAsserted(
            () ->
                assertRefused(
                    Status.Code.INVALID_ARGUMENT,
                    "data: 8 bytes, the header asks for 18000000",
                    header(1500, 1500, DataType.DATA_TYPE_FLOAT64, false),
                    data(one)));
  }

  @Test
  void takesAMatrixInManyPieces() {
    int n = 256;
    float[] diagonal = new float[n * n];
    for (int i = 0; i < n; i++) {
      diagonal[i * n + i] = i + 1;
    }
    ByteBuffer bytes = ByteBuffer.allocate(4 * n * n).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(diagonal);
    ByteString all = ByteString.copyFrom(bytes);
    Stream<CheckMatrixRequest> pieces =
        Stream.iterate(0, from -> from < all.size(), from -> from + 1001)
            .map(from -> data(all.substring(from, Math.min(all.size(), from + 1001))));

    Certificate certificate =
        check(
            Stream.concat(Stream.of(header(n, n, DataType.DATA_TYPE_FLOAT32, false)), pieces)
                .toArray(CheckMatrixRequest[]::new));

    assertThat(certificate.getOutcome()).isEqualTo(Outcome.OUTCOME_CERTIFIED);
    assertThat(certificate.getSigmaMinLowerBound())
        .isLessThanOrEqualTo(1)
        .isCloseTo(1, within(0.1));
    assertThat(certificate.getSigmaMaxUpperBound()).isGreaterThanOrEqualTo(n);
  }

  @Test
  void triesTheMethodThatIsAskedFor() {
    // The rows differ by one ulp, which verified Cholesky does not see.
    ByteString data = encode(DataType.DATA_TYPE_FLOAT64, 1, 1, 1, Math.nextUp(1.0));
    CheckMatrixRequest header = header(2, 2, DataType.DATA_TYPE_FLOAT64, false);

    Certificate automatic = check(header, data(data));
    Certificate cholesky =
        check(with(header, h -> h.setMethod(CheckMethod.CHECK_METHOD_CHOLESKY)), data(data));
    Certificate modular =
        check(with(header, h -> h.setMethod(CheckMethod.CHECK_METHOD_MODULAR)), data(data));

    assertThat(automatic.getOutcome()).isEqualTo(Outcome.OUTCOME_CERTIFIED);
    assertThat(automatic.getMethod()).isEqualTo(CertificateMethod.CERTIFICATE_METHOD_MODULAR);
    assertThat(automatic.getStagesList())
        .extracting(CertificateStage::getName)
        .startsWith("structure", "gram")
        .endsWith("small-primes");
    assertThat(automatic.getBackend()).isEqualTo("openblas");
    assertThat(cholesky.getOutcome()).isEqualTo(Outcome.OUTCOME_UNDETERMINED);
    assertThat(cholesky.getPrimesList()).isEmpty();
    assertThat(modular.getOutcome()).isEqualTo(Outcome.OUTCOME_CERTIFIED);
    assertThat(modular.getPrimesList()).hasSize(1);
    assertThat(modular.hasSigmaMaxUpperBound()).isFalse();
  }

  @Test
  void drawsNoMorePrimesThanAskedFor() {
    // The last row is a times the first and b times the second, exactly: numbers that no
    // residues modulo one prime of 22 bits tell.
    double a = 123456789;
    double b = 987654321;
    ByteString data =
        encode(DataType.DATA_TYPE_FLOAT64, 1, 2, 3, 7, 5, 1, a + 7 * b, 2 * a + 5 * b, 3 * a + b);
    CheckMatrixRequest header = header(3, 3, DataType.DATA_TYPE_FLOAT64, false);

    Certificate refuted = check(header, data(data));
    Certificate open = check(with(header, h -> h.setMaxPrimes(1)), data(data));

    assertThat(refuted.getOutcome()).isEqualTo(Outcome.OUTCOME_REFUTED);
    assertThat(refuted.getFalseRefutationProbability()).isZero();
    assertThat(open.getOutcome()).isEqualTo(Outcome.OUTCOME_UNDETERMINED);
    assertThat(open.getPrimesList()).hasSize(1);
  }

  @Test
  void addsTheSpectrumWhenAsked() {
    CheckMatrixRequest header = header(2, 3, DataType.DATA_TYPE_FLOAT32, false);
    CheckMatrixRequest data = data(encode(DataType.DATA_TYPE_FLOAT32, 3, 0, 0, 0, 4, 0));

    CheckMatrixResponse response = respond(with(header, h -> h.setSpectrum(true)), data);

    Spectrum spectrum = response.getSpectrum();
    assertThat(spectrum.getSigmaMin().getEstimate()).isCloseTo(3, within(1e-9));
    assertThat(spectrum.getSigmaMin().getLowerBound())
        .isEqualTo(response.getCertificate().getSigmaMinLowerBound());
    assertThat(spectrum.getSigmaMax().getEstimate()).isCloseTo(4, within(1e-9));
    assertThat(spectrum.getSigmaMax().hasLowerBound()).isFalse();
    assertThat(spectrum.getConditionNumber().getEstimate()).isCloseTo(4.0 / 3, within(1e-9));
    assertThat(spectrum.getStableRank().getEstimate()).isCloseTo(25.0 / 16, within(1e-9));
    assertThat(spectrum.getEffectiveRank().getEstimate()).isBetween(1.0, 2.0);
    assertThat(spectrum.getEdgesCount()).isEqualTo(65);
    assertThat(spectrum.getCountsList()).hasSize(64).endsWith(1, 1);
    assertThat(spectrum.getBelowResolution()).isZero();
    assertThat(response.getCertificate().getSigmaMinEstimate()).isCloseTo(3, within(0.1));
    assertThat(respond(header, data).hasSpectrum()).isFalse();
  }

  @Test
  void refusesAMethodAndANumberOfPrimesThatItDoesNotKnow() {
    CheckMatrixRequest header = header(1, 1, DataType.DATA_TYPE_FLOAT32, false);

    assertRefused(
        Status.Code.INVALID_ARGUMENT,
        "header.method: unknown method 99",
        with(header, h -> h.setMethodValue(99)));
    assertRefused(
        Status.Code.INVALID_ARGUMENT,
        "header.max_primes: 4294967295, at most 1000 are allowed",
        with(header, h -> h.setMaxPrimes(-1)));
  }

  /** The computation would take minutes, during which no other call would be served. */
  @Test
  void endsAComputationThatNobodyWaitsForAnyMore() {
    CheckMatrixRequest[] requests = singularMatrixThatTakesManyPrimes();

    CompletableFuture<CheckMatrixResponse> answer =
        send(CheckerServiceGrpc.newStub(channel).withDeadlineAfter(5, TimeUnit.SECONDS), requests);

    assertThatThrownBy(answer::join)
        .hasCauseInstanceOf(StatusRuntimeException.class)
        .hasMessageContaining("DEADLINE_EXCEEDED");
    assertThat(
            check(
                    header(1, 1, DataType.DATA_TYPE_FLOAT64, false),
                    data(encode(DataType.DATA_TYPE_FLOAT64, 1)))
                .getOutcome())
        .isEqualTo(Outcome.OUTCOME_CERTIFIED);
  }

  @Test
  void cutsAClientOffThatHoldsAMatrixAndSendsNothing() {
    CompletableFuture<CheckMatrixResponse> idle = new CompletableFuture<>();
    StreamObserver<CheckMatrixRequest> upload =
        CheckerServiceGrpc.newStub(channel).checkMatrix(new First<>(idle, answer -> answer));
    upload.onNext(header(2000, 2000, DataType.DATA_TYPE_FLOAT64, false));

    assertThatThrownBy(idle::join)
        .hasCauseInstanceOf(StatusRuntimeException.class)
        .hasMessageContaining("DEADLINE_EXCEEDED")
        .hasMessageContaining("nothing came for PT4S")
        .hasMessageContaining("fullrank.checker.matrix-idle-timeout");
    // Its memory is free again.
    assertRefused(
        Status.Code.INVALID_ARGUMENT,
        "data: 0 bytes",
        header(2000, 2000, DataType.DATA_TYPE_FLOAT64, false));
  }

  /** Each piece begins a new wait, but no byte buys more time than a slow line needs for it. */
  @Test
  void cutsAClientOffThatSendsAByteNowAndThen() {
    CompletableFuture<CheckMatrixResponse> slow = new CompletableFuture<>();
    StreamObserver<CheckMatrixRequest> upload =
        CheckerServiceGrpc.newStub(channel).checkMatrix(new First<>(slow, answer -> answer));
    upload.onNext(header(100, 100, DataType.DATA_TYPE_FLOAT64, false));
    ScheduledExecutorService pieces = Executors.newSingleThreadScheduledExecutor();
    pieces.scheduleWithFixedDelay(
        () -> upload.onNext(data(ByteString.copyFrom(new byte[1]))), 0, 100, TimeUnit.MILLISECONDS);
    try {
      assertThatThrownBy(() -> slow.get(LIMIT.toSeconds(), TimeUnit.SECONDS))
          .hasCauseInstanceOf(StatusRuntimeException.class)
          .hasMessageContaining("DEADLINE_EXCEEDED")
          .hasMessageContaining("65536 bytes a second are expected after PT4S")
          .hasMessageContaining("fullrank.checker.matrix-idle-timeout");
    } finally {
      pieces.shutdownNow();
    }
  }

  @Test
  void refusesEmptyPieces() {
    assertRefused(
        Status.Code.INVALID_ARGUMENT,
        "data: an empty piece",
        header(1, 1, DataType.DATA_TYPE_FLOAT32, false),
        data(ByteString.EMPTY));
  }

  /**
   * Its last column is zero, so that all rows together are dependent, and its entries span so many
   * powers of two that it takes hundreds of primes to be sure.
   */
  private static CheckMatrixRequest[] singularMatrixThatTakesManyPrimes() {
    int n = 1450;
    SplittableRandom random = new SplittableRandom(5);
    List<CheckMatrixRequest> requests = new ArrayList<>();
    requests.add(
        with(
            header(n, n, DataType.DATA_TYPE_FLOAT64, false),
            h -> h.setMethod(CheckMethod.CHECK_METHOD_MODULAR).setMaxPrimes(1000)));
    double[] row = new double[n];
    for (int i = 0; i < n; i++) {
      for (int j = 0; j < n - 1; j++) {
        row[j] = Math.scalb(random.nextDouble(1, 2), random.nextInt(-930, 930));
      }
      requests.add(data(encode(DataType.DATA_TYPE_FLOAT64, row)));
    }
    return requests.toArray(CheckMatrixRequest[]::new);
  }

  private void assertRefused(Status.Code code, String text, CheckMatrixRequest... requests) {
    assertThatThrownBy(() -> check(requests))
        .isInstanceOfSatisfying(
            CompletionException.class,
            failed ->
                assertThat(failed.getCause())
                    .isInstanceOfSatisfying(
                        StatusRuntimeException.class,
                        refused -> {
                          assertThat(refused.getStatus().getCode()).isEqualTo(code);
                          assertThat(refused.getStatus().getDescription()).contains(text);
                        }));
  }

  private Certificate check(CheckMatrixRequest... requests) {
    return respond(requests).getCertificate();
  }

  private CheckMatrixResponse respond(CheckMatrixRequest... requests) {
    return send(
            CheckerServiceGrpc.newStub(channel)
                .withDeadlineAfter(LIMIT.toSeconds(), TimeUnit.SECONDS),
            requests)
        .join();
  }

  private static CompletableFuture<CheckMatrixResponse> send(
      CheckerServiceGrpc.CheckerServiceStub stub, CheckMatrixRequest... requests) {
    CompletableFuture<CheckMatrixResponse> answer = new CompletableFuture<>();
    StreamObserver<CheckMatrixRequest> upload =
        stub.checkMatrix(new First<>(answer, response -> response));
    for (CheckMatrixRequest request : requests) {
      upload.onNext(request);
    }
    upload.onCompleted();
    return answer;
  }

  private static CheckMatrixRequest with(
      CheckMatrixRequest request, Consumer<MatrixHeader.Builder> change) {
    CheckMatrixRequest.Builder changed = request.toBuilder();
    change.accept(changed.getHeaderBuilder());
    return changed.build();
  }

  private HttpResponse<String> get(String path) throws IOException {
    return HttpEndpoint.http(httpPort).get(path);
  }

  private static CheckMatrixRequest header(
      long rows, long columns, DataType type, boolean appendOnes) {
    return CheckMatrixRequest.newBuilder()
        .setHeader(
            MatrixHeader.newBuilder()
                .setRows(rows)
                .setColumns(columns)
                .setType(type)
                .setAppendOnes(appendOnes))
        .build();
  }

  private static CheckMatrixRequest data(ByteString bytes) {
    return CheckMatrixRequest.newBuilder().setData(bytes).build();
  }

  /** Small integers, NaN, exact in every type. */
  private static ByteString encode(DataType type, double... values) {
    ByteBuffer bytes = ByteBuffer.allocate(8 * values.length).order(ByteOrder.LITTLE_ENDIAN);
    for (double value : values) {
      int single = Float.floatToIntBits((float) value);
      switch (type) {
        case DATA_TYPE_FLOAT64 -> bytes.putDouble(value);
        case DATA_TYPE_FLOAT32 -> bytes.putInt(single);
        case DATA_TYPE_BFLOAT16 -> bytes.putShort((short) (single >> 16));
        // Drops 13 bits of fraction and moves the exponent's bias from 127 to 15.
        default -> bytes.putShort((short) (value == 0 ? 0 : (single >> 13) - (112 << 10)));
      }
    }
    return ByteString.copyFrom(bytes.flip());
  }

  /** Keeps the first answer, or the failure. */
  private record First<T, R>(CompletableFuture<R> result, Function<T, R> mapping)
      implements StreamObserver<T> {

    @Override
    public void onNext(T answer) {
      result.complete(mapping.apply(answer));
    }

    @Override
    public void onError(Throwable failed) {
      result.completeExceptionally(failed);
    }

    @Override
    public void onCompleted() {
      result.completeExceptionally(new IllegalStateException("ended without an answer"));
    }
  }
}
