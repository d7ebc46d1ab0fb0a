package io.fullrank.samediff;

import com.google.protobuf.ByteString;
import io.fullrank.client.Connection;
import io.fullrank.proto.v1.Accepted;
import io.fullrank.proto.v1.Certificate;
import io.fullrank.proto.v1.IngestLimits;
import io.fullrank.proto.v1.IngestServiceGrpc;
import io.fullrank.proto.v1.Outcome;
import io.fullrank.proto.v1.Progress;
import io.fullrank.proto.v1.RegisterRunRequest;
import io.fullrank.proto.v1.RegisterRunResponse;
import io.fullrank.proto.v1.ReportRequest;
import io.fullrank.proto.v1.ReportResponse;
import io.fullrank.proto.v1.SnapshotBegin;
import io.fullrank.proto.v1.Verdict;
import io.grpc.Server;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/** A server over real gRPC that says of every matrix what a test wants to hear, and keeps all. */
final class CertifyingServer extends IngestServiceGrpc.IngestServiceImplBase
    implements AutoCloseable {

  private final Server server;
  private final Outcome outcome;
  private final List<RegisterRunRequest> registrations = new CopyOnWriteArrayList<>();
  private final List<ReportRequest> reports = new CopyOnWriteArrayList<>();

  CertifyingServer(Outcome outcome) throws IOException {
    this.outcome = outcome;
    server =
        NettyServerBuilder.forAddress(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0))
            .addService(this)
            .build()
            .start();
  }

  Connection connection() {
    return Connection.to("127.0.0.1:" + server.getPort());
  }

  RegisterRunRequest registration() {
    return registrations.get(0);
  }

  List<Progress> progress() {
    return reports.stream()
        .filter(ReportRequest::hasProgress)
        .map(ReportRequest::getProgress)
        .toList();
  }

  List<SnapshotBegin> snapshots() {
    return reports.stream()
        .filter(ReportRequest::hasSnapshot)
        .map(ReportRequest::getSnapshot)
        .toList();
  }

  List<ReportRequest> reports() {
    return reports;
  }

  @Override
  public void close() throws InterruptedException {
    server.shutdownNow().awaitTermination();
  }

  @Override
  public void registerRun(
      RegisterRunRequest request, StreamObserver<RegisterRunResponse> response) {
    registrations.add(request);
    response.onNext(
        RegisterRunResponse.newBuilder()
            .setRun("small-0a1b2c.two-phase.1")
            .setLimits(
                IngestLimits.newBuilder().setMaxSnapshotBytes(1 << 28).setMaxPieceBytes(1 << 20))
            .build());
    response.onCompleted();
  }

  @Override
  public StreamObserver<ReportRequest> report(StreamObserver<ReportResponse> responses) {
    return new StreamObserver<>() {

      private SnapshotBegin snapshot;
      private ByteString received = ByteString.EMPTY;

      @Override
      public void onNext(ReportRequest report) {
        reports.add(report);
        if (report.hasSnapshot()) {
          snapshot = report.getSnapshot();
          received = ByteString.EMPTY;
          return;
        }
        if (report.hasFeaturesPiece()) {
          received = received.concat(report.getFeaturesPiece());
          if (received.size() < snapshot.getRows() * snapshot.getColumns() * Float.BYTES) {
            return;
          }
          responses.onNext(ReportResponse.newBuilder().setVerdict(verdict()).build());
        }
        responses.onNext(
            ReportResponse.newBuilder()
                .setAccepted(Accepted.newBuilder().setSequence(report.getSequence()))
                .build());
        if (report.hasResult()) {
          responses.onCompleted();
        }
      }

      private Verdict verdict() {
        return Verdict.newBuilder()
            .setAttempt(1)
            .setStep(snapshot.getStep())
            .setWitness(snapshot.getWitness())
            .setFeaturesSha256(snapshot.getFeaturesSha256())
            .setCertificate(
                Certificate.newBuilder()
                    .setOutcome(outcome)
                    .setReason("rows 0 and 1 are identical")
                    .setRows(snapshot.getRows())
                    .setColumns(snapshot.getColumns() + 1))
            .build();
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
