package io.fullrank.testsupport.server;

import com.google.protobuf.ByteString;
import com.google.protobuf.Duration;
import io.fullrank.proto.v1.Accepted;
import io.fullrank.proto.v1.Certificate;
import io.fullrank.proto.v1.IngestLimits;
import io.fullrank.proto.v1.IngestServiceGrpc;
import io.fullrank.proto.v1.Outcome;
import io.fullrank.proto.v1.RegisterRunRequest;
import io.fullrank.proto.v1.RegisterRunResponse;
import io.fullrank.proto.v1.ReportRequest;
import io.fullrank.proto.v1.ReportRequest.ReportCase;
import io.fullrank.proto.v1.ReportResponse;
import io.fullrank.proto.v1.SnapshotBegin;
import io.fullrank.proto.v1.Verdict;
import io.fullrank.testsupport.FreePort;
import io.grpc.Grpc;
import io.grpc.InsecureServerCredentials;
import io.grpc.Server;
import io.grpc.Status;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Function;

/**
 * A server over real gRPC that keeps what is reported, dies when a test says so, and starts again
 * at the same address: for faults that a real server cannot be brought to at a given moment.
 */
public final class ScriptedIngest extends IngestServiceGrpc.IngestServiceImplBase
    implements AutoCloseable {

  /** The run that every registration yields. */
  public static final String RUN = "semeion-0a1b2c.base.1";

  /** What the server warns of. */
  public static final String WARNING = "m_H + 1 < n";

  private final int port = FreePort.any();
  private final List<RegisterRunRequest> registrations = new CopyOnWriteArrayList<>();
  private final List<ReportRequest> reports = new CopyOnWriteArrayList<>();
  private volatile Status refusal = Status.OK;
  private volatile long maxSnapshotBytes = 1 << 28;
  private volatile java.time.Duration heartbeat = java.time.Duration.ofSeconds(10);
  private volatile int diesAfterPieces = Integer.MAX_VALUE;
  private volatile Function<SnapshotBegin, Optional<ReportResponse>> verdicts =
      snapshot -> Optional.empty();
  private Server server;

  public ScriptedIngest() throws IOException {
    startAgain();
  }

  /** Returns the port that it listens at, dead or alive. */
  public int port() {
    return port;
  }

  /** Makes registrations fail. */
  public void refuse(Status status) {
    refusal = status;
  }

  /** Limits the bytes of a snapshot. */
  public void takeAtMost(long bytes) {
    maxSnapshotBytes = bytes;
  }

  /** Sets how often a run is to say that it is alive. */
  public void wantHeartbeatsEvery(java.time.Duration interval) {
    heartbeat = interval;
  }

  /** Sets what is answered to a snapshot besides Accepted, once all its pieces are there. */
  public void answerSnapshots(Function<SnapshotBegin, Optional<ReportResponse>> answers) {
    verdicts = answers;
  }

  /** Returns the verdict on a snapshot of the first attempt. */
  public static Optional<ReportResponse> verdict(SnapshotBegin snapshot, Outcome outcome) {
    return Optional.of(
        ReportResponse.newBuilder()
            .setVerdict(
                Verdict.newBuilder()
                    .setAttempt(1)
                    .setStep(snapshot.getStep())
                    .setWitness(snapshot.getWitness())
                    .setFeaturesSha256(snapshot.getFeaturesSha256())
                    .setCertificate(
                        Certificate.newBuilder()
                            .setOutcome(outcome)
                            .setReason("as the test says")
                            .setRows(snapshot.getRows())
                            .setColumns(snapshot.getColumns() + 1)))
            .build());
  }

  /** Makes the server fail, with all its connections, when this number of pieces has come. */
  public void dieAfterPieces(int count) {
    diesAfterPieces = count;
  }

  /** Starts, or starts again after a death. */
  public void startAgain() throws IOException {
    diesAfterPieces = Integer.MAX_VALUE;
    server =
        Grpc.newServerBuilderForPort(port, InsecureServerCredentials.create())
            .addService(this)
            .build()
            .start();
  }

  /** Returns whether it died as it was told to. */
  public boolean isDead() {
    return server.isShutdown();
  }

  /** Returns what was registered. */
  public List<RegisterRunRequest> registrations() {
    return registrations;
  }

  /** Returns the reports of one kind, of all streams, in the order in which they came. */
  public List<ReportRequest> reports(ReportCase kind) {
    return reports.stream().filter(report -> report.getReportCase() == kind).toList();
  }

  /** Returns the last reports that came, from the last Begin on. */
  public List<ReportRequest> lastStream() {
    int begin = 0;
    for (int i = 0; i < reports.size(); i++) {
      begin = reports.get(i).hasBegin() ? i : begin;
    }
    return reports.subList(begin, reports.size());
  }

  /** Ends it, with all its connections. */
  public void kill() throws InterruptedException {
    server.shutdownNow().awaitTermination();
  }

  @Override
  public void close() throws InterruptedException {
    kill();
  }

  @Override
  public void registerRun(
      RegisterRunRequest request, StreamObserver<RegisterRunResponse> response) {
    if (!refusal.isOk()) {
      response.onError(refusal.asRuntimeException());
      return;
    }
    registrations.add(request);
    response.onNext(
        RegisterRunResponse.newBuilder()
            .setRun(RUN)
            .setExperiment("semeion-0a1b2c")
            .addWarnings(WARNING)
            .setLimits(
                IngestLimits.newBuilder()
                    .setMaxSnapshotBytes(maxSnapshotBytes)
                    .setMaxPieceBytes(1 << 18)
                    .setHeartbeatInterval(
                        Duration.newBuilder()
                            .setSeconds(heartbeat.getSeconds())
                            .setNanos(heartbeat.getNano())))
            .build());
    response.onCompleted();
  }

  @Override
  public StreamObserver<ReportRequest> report(StreamObserver<ReportResponse> responses) {
    return new StreamObserver<>() {

      private SnapshotBegin snapshot;
      private ByteString received;

      @Override
      public void onNext(ReportRequest report) {
        reports.add(report);
        if (reports(ReportCase.FEATURES_PIECE).size() >= diesAfterPieces) {
          server.shutdownNow();
          return;
        }
        switch (report.getReportCase()) {
          case SNAPSHOT -> {
            snapshot = report.getSnapshot();
            received = ByteString.EMPTY;
          }
          case FEATURES_PIECE -> {
            received = received.concat(report.getFeaturesPiece());
            if (received.size() == snapshot.getRows() * snapshot.getColumns() * Float.BYTES) {
              accept(report);
              verdicts.apply(snapshot).ifPresent(responses::onNext);
            }
          }
          default -> accept(report);
        }
        if (report.hasResult()) {
          responses.onCompleted();
        }
      }

      private void accept(ReportRequest report) {
        responses.onNext(
            ReportResponse.newBuilder()
                .setAccepted(Accepted.newBuilder().setSequence(report.getSequence()))
                .build());
      }

      @Override
      public void onError(Throwable lost) {
        // The client begins again.
      }

      @Override
      public void onCompleted() {
        // The result has ended the call before.
      }
    };
  }
}
