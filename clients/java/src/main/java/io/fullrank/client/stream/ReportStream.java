package io.fullrank.client.stream;

import io.fullrank.proto.v1.Begin;
import io.fullrank.proto.v1.IngestServiceGrpc.IngestServiceStub;
import io.fullrank.proto.v1.ReportRequest;
import io.fullrank.proto.v1.ReportResponse;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientResponseObserver;
import java.time.Duration;

/**
 * One call of Report, for one thread that sends. It blocks where the server is slower than that
 * thread, and fails with the call's status once the call has failed.
 */
public final class ReportStream implements AutoCloseable {

  /** The version of the protocol that this class speaks. */
  public static final int PROTOCOL = 1;

  /** Bytes that may wait to be written before {@link #send} blocks: a few pieces. */
  private static final int READY_THRESHOLD_BYTES = 4 << 20;

  private final Observer observer;
  private ClientCallStreamObserver<ReportRequest> call;

  /** The last sequence sent. */
  private long sequence;

  /** How the call has ended; null while it goes on. */
  private Status ended;

  /** Takes what comes back, on threads of gRPC; it must not block. */
  public interface Observer {

    /** Takes an answer of the server. */
    void answered(ReportResponse response);

    /** Takes the end of the call, whatever its status; nothing comes after it. */
    void ended();
  }

  private ReportStream(Observer observer) {
    this.observer = observer;
  }

  /**
   * Opens the call and sends Begin as the first report.
   *
   * @param begin its protocol is set here
   */
  public static ReportStream open(
      IngestServiceStub calls, Begin begin, Observer observer, Duration limit)
      throws InterruptedException {
    ReportStream stream = new ReportStream(observer);
    calls.withOnReadyThreshold(READY_THRESHOLD_BYTES).report(stream.new Responses());
    stream.send(
        ReportRequest.newBuilder().setBegin(begin.toBuilder().setProtocol(PROTOCOL)), limit);
    return stream;
  }

  /**
   * Sends a report as soon as there is room for it.
   *
   * @param report its sequence is set here
   * @param limit how long to wait for room
   * @return the sequence that it has in this stream
   * @throws StatusRuntimeException if the call has ended, or there is no room within the limit
   */
  public long send(ReportRequest.Builder report, Duration limit) throws InterruptedException {
    awaitRoom(System.nanoTime() + limit.toNanos());
    sequence++;
    call.onNext(report.setSequence(sequence).build());
    return sequence;
  }

  /**
   * Says that nothing more comes, and waits until the server has ended the call, which it does once
   * everything is accepted.
   *
   * @throws StatusRuntimeException if the call fails, or does not end within the limit
   */
  public void finish(Duration limit) throws InterruptedException {
    long deadline = System.nanoTime() + limit.toNanos();
    synchronized (this) {
      if (ended == null) {
        call.onCompleted();
      }
      while (ended == null) {
        await(deadline, "the server has not accepted everything");
      }
      if (!ended.isOk()) {
        throw ended.asRuntimeException();
      }
    }
  }

  /** Gives the call up, if it has not ended. */
  @Override
  public void close() {
    if (!hasEnded()) {
      call.cancel("given up by the client", null);
    }
  }

  /** Returns whether the call has ended. */
  public synchronized boolean hasEnded() {
    return ended != null;
  }

  private synchronized void awaitRoom(long deadline) throws InterruptedException {
    while (ended == null && !call.isReady()) {
      await(deadline, "the server has not read what was sent");
    }
    if (ended != null) {
      throw (ended.isOk()
              ? Status.UNAVAILABLE.withDescription("the server has ended the call")
              : ended)
          .asRuntimeException();
    }
  }

  private void await(long deadline, String missing) throws InterruptedException {
    long left = deadline - System.nanoTime();
    if (left <= 0) {
      throw Status.DEADLINE_EXCEEDED.withDescription(missing + " in time").asRuntimeException();
    }
    // Rounded up, as 0 would mean for ever.
    wait(left / 1_000_000 + 1);
  }

  private synchronized void wake() {
    notifyAll();
  }

  private void end(Status status) {
    synchronized (this) {
      ended = status;
      notifyAll();
    }
    observer.ended();
  }

  private final class Responses implements ClientResponseObserver<ReportRequest, ReportResponse> {

    @Override
    public void beforeStart(ClientCallStreamObserver<ReportRequest> started) {
      call = started;
      started.setOnReadyHandler(ReportStream.this::wake);
    }

    @Override
    public void onNext(ReportResponse response) {
      observer.answered(response);
    }

    @Override
    public void onError(Throwable failed) {
      end(
          failed instanceof StatusRuntimeException known
              ? Refusals.explained(known)
              : Status.fromThrowable(failed));
    }

    @Override
    public void onCompleted() {
      end(Status.OK);
    }
  }
}
