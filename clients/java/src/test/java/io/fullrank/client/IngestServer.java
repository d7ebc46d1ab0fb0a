package io.fullrank.client;

import com.google.protobuf.ByteString;
import com.google.protobuf.util.Durations;
import io.fullrank.proto.v1.Accepted;
import io.fullrank.proto.v1.IngestLimits;
import io.fullrank.proto.v1.IngestServiceGrpc;
import io.fullrank.proto.v1.RegisterRunRequest;
import io.fullrank.proto.v1.RegisterRunResponse;
import io.fullrank.proto.v1.ReportRequest;
import io.fullrank.proto.v1.ReportRequest.ReportCase;
import io.fullrank.proto.v1.ReportResponse;
import io.fullrank.proto.v1.SnapshotBegin;
import io.fullrank.testsupport.FreePort;
import io.grpc.Server;
import io.grpc.Status;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Function;

/**
 * A server over real gRPC that keeps what is reported, dies when a test says so, and starts again
 * at the same address: for faults that a real server cannot be brought to at a given moment.
 */
final class IngestServer extends IngestServiceGrpc.IngestServiceImplBase implements AutoCloseable {

  static final String RUN = "semeion-0a1b2c.base.1";

  private final int port = FreePort.any();
  private final List<RegisterRunRequest> registrations = new CopyOnWriteArrayList<>();
  private final List<ReportRequest> reports = new CopyOnWriteArrayList<>();
  private volatile Status refusal = Status.OK;
  private volatile long maxSnapshotBytes = 1 << 28;
  private volatile Duration heartbeat = Duration.ofSeconds(10);
  private volatile int diesAfterPieces = Integer.MAX_VALUE;
  private volatile Function<SnapshotBegin, Optional<ReportResponse>> verdicts =
      snapshot -> Optional.empty();
  private Server server;

  IngestServer() throws IOException {
    startAgain();
  }

  Connection connection() {
    return Connection.to("127.0.0.1:" + port);
  }

  void refuse(Status status) {
    refusal = status;
  }

  void takeAtMost(long bytes) {
    maxSnapshotBytes = bytes;
  }

  void wantHeartbeatsEvery(Duration interval) {
    heartbeat = interval;
  }

  void answerSnapshots(Function<SnapshotBegin, Optional<ReportResponse>> answers) {
    verdicts = answers;
  }

  /** Makes the server fail, with all its connections, when this number of pieces has come. */
  void dieAfterPieces(int count) {
    diesAfterPieces = count;
  }

  /** Starts, or starts again after a death. */
  void startAgain() throws IOException {
    diesAfterPieces = Integer.MAX_VALUE;
    server =
        NettyServerBuilder.forAddress(new InetSocketAddress(InetAddress.getLoopbackAddress(), port))
            .addService(this)
            .build()
            .start();
  }

  boolean isDead() {
    return server.isShutdown();
  }

  List<RegisterRunRequest> registrations() {
    return registrations;
  }

  /** Returns the reports of one kind, of all streams, in the order in which they came. */
  List<ReportRequest> reports(ReportCase kind) {
    return reports.stream().filter(report -> report.getReportCase() == kind).toList();
  }

  /** Returns the last reports that came, from the last Begin on. */
  List<ReportRequest> lastStream() {
    int begin = 0;
    for (int i = 0; i < reports.size(); i++) {
      begin = reports.get(i).hasBegin() ? i : begin;
    }
    return reports.subList(begin, reports.size());
  }

  void kill() throws InterruptedException {
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
            .addWarnings("m_H + 1 < n")
            .setLimits(
                IngestLimits.newBuilder()
                    .setMaxSnapshotBytes(maxSnapshotBytes)
                    .setMaxPieceBytes(1 << 18)
                    .setHeartbeatInterval(Durations.fromMillis(heartbeat.toMillis())))
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
