package io.fullrank.trainer.ingest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.google.protobuf.ByteString;
import io.fullrank.proto.v1.IngestServiceGrpc;
import io.fullrank.proto.v1.Phase;
import io.fullrank.proto.v1.Progress;
import io.fullrank.proto.v1.ReportRequest;
import io.fullrank.proto.v1.ReportResponse;
import io.fullrank.proto.v1.SnapshotBegin;
import io.fullrank.testsupport.Waiting;
import io.grpc.Channel;
import io.grpc.Status;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientResponseObserver;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

/** A client's stream of reports over the wire, at the pace of the server. */
final class ReportStream implements ClientResponseObserver<ReportRequest, ReportResponse> {

  static final int PIECE_BYTES = 1 << 20;

  private final List<ReportResponse> responses = new CopyOnWriteArrayList<>();
  private final CompletableFuture<Status> end = new CompletableFuture<>();
  private final Semaphore readiness = new Semaphore(0);
  private final boolean reads;
  private ClientCallStreamObserver<ReportRequest> requests;
  private long sequence;

  private ReportStream(boolean reads) {
    this.reads = reads;
  }

  static ReportStream open(Channel channel) {
    return open(channel, true);
  }

  /** Opens a stream whose client never reads an answer. */
  static ReportStream openWithoutReading(Channel channel) {
    return open(channel, false);
  }

  private static ReportStream open(Channel channel, boolean reads) {
    ReportStream stream = new ReportStream(reads);
    var unused = IngestServiceGrpc.newStub(channel).report(stream);
    return stream;
  }

  @Override
  public void beforeStart(ClientCallStreamObserver<ReportRequest> call) {
    requests = call;
    if (!reads) {
      call.disableAutoRequestWithInitial(0);
    }
    call.setOnReadyHandler(readiness::release);
  }

  @Override
  public void onNext(ReportResponse response) {
    responses.add(response);
  }

  @Override
  public void onError(Throwable failure) {
    end.complete(Status.fromThrowable(failure));
    readiness.release();
  }

  @Override
  public void onCompleted() {
    end.complete(Status.OK);
    readiness.release();
  }

  /** Sends a report with the next sequence, when there is room for it or the stream has ended. */
  long send(ReportRequest.Builder report) throws InterruptedException {
    while (!requests.isReady() && !end.isDone()) {
      assertThat(readiness.tryAcquire(Waiting.LIMIT.toSeconds(), TimeUnit.SECONDS)).isTrue();
    }
    return sendAtOnce(report);
  }

  /** Sends a report if the server has room for it within a time. */
  boolean trySendWithin(ReportRequest.Builder report, Duration limit) throws InterruptedException {
    while (!requests.isReady()) {
      if (end.isDone() || !readiness.tryAcquire(limit.toMillis(), TimeUnit.MILLISECONDS)) {
        return false;
      }
    }
    sendAtOnce(report);
    return true;
  }

  private long sendAtOnce(ReportRequest.Builder report) {
    requests.onNext(report.setSequence(++sequence).build());
    return sequence;
  }

  long progress(long step) throws InterruptedException {
    return send(
        ReportRequest.newBuilder()
            .setProgress(
                Progress.newBuilder()
                    .setStep(step)
                    .setPhase(Phase.PHASE_ONE)
                    .setBatchLoss(1.0 / (step + 1))));
  }

  /** Sends a whole snapshot. */
  long snapshot(SnapshotBegin.Builder snapshot, byte[] features) throws InterruptedException {
    announce(snapshot, features);
    return pieces(features, 0, features.length);
  }

  long announce(SnapshotBegin.Builder snapshot, byte[] features) throws InterruptedException {
    return send(
        ReportRequest.newBuilder()
            .setSnapshot(snapshot.setFeaturesSha256(ByteString.copyFrom(sha256(features)))));
  }

  /** Sends some of the features' bytes. */
  long pieces(byte[] features, int from, int to) throws InterruptedException {
    long last = sequence;
    for (int at = from; at < to; at += PIECE_BYTES) {
      last =
          send(
              ReportRequest.newBuilder()
                  .setFeaturesPiece(
                      ByteString.copyFrom(features, at, Math.min(PIECE_BYTES, to - at))));
    }
    return last;
  }

  void halfClose() {
    requests.onCompleted();
  }

  /** Ends as a client does whose process dies. */
  void cancel() {
    requests.cancel("the client is gone", null);
  }

  List<ReportResponse> responses() {
    return responses;
  }

  /** Returns the last sequence that the server has answered. */
  long accepted() {
    return responses.stream()
        .filter(ReportResponse::hasAccepted)
        .mapToLong(response -> response.getAccepted().getSequence())
        .reduce(0, (before, next) -> next);
  }

  void awaitAccepted(long wanted) {
    await()
        .atMost(Waiting.LIMIT)
        .until(
            () -> {
              assertThat(end.isDone() && !end.join().isOk())
                  .as(() -> end.join().toString())
                  .isFalse();
              return accepted() >= wanted;
            });
  }

  Status awaitEnd() {
    return end.orTimeout(Waiting.LIMIT.toSeconds(), TimeUnit.SECONDS).join();
  }

  boolean hasEnded() {
    return end.isDone();
  }

  static byte[] sha256(byte[] bytes) {
    try {
      return MessageDigest.getInstance("SHA-256").digest(bytes);
    } catch (NoSuchAlgorithmException everyJavaHasIt) {
      throw new IllegalStateException(everyJavaHasIt);
    }
  }
}
