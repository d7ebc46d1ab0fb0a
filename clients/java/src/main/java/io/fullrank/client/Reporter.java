package io.fullrank.client;

import com.google.protobuf.ByteString;
import com.google.protobuf.Duration;
import io.fullrank.client.Outbox.Entry;
import io.fullrank.client.Outbox.Kind;
import io.fullrank.client.stream.Refusals;
import io.fullrank.client.stream.ReportStream;
import io.fullrank.proto.v1.Begin;
import io.fullrank.proto.v1.Heartbeat;
import io.fullrank.proto.v1.IngestServiceGrpc;
import io.fullrank.proto.v1.IngestServiceGrpc.IngestServiceStub;
import io.fullrank.proto.v1.ReportRequest;
import io.fullrank.proto.v1.ReportResponse;
import io.fullrank.proto.v1.SnapshotBegin;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;

/**
 * The one thread that talks to the server: registers, sends what the outbox has, takes answers,
 * sends heartbeats in between, and begins again after a failure, later after each.
 */
final class Reporter implements Runnable {

  private static final Logger LOG = System.getLogger("io.fullrank.client");
  private static final java.time.Duration CALL_LIMIT = java.time.Duration.ofSeconds(20);
  // A server that is slower than this is as good as gone.
  private static final java.time.Duration SILENCE_LIMIT = java.time.Duration.ofSeconds(60);
  private static final java.time.Duration DEFAULT_HEARTBEAT = java.time.Duration.ofSeconds(10);
  // The announcement counts as well.
  private static final int SNAPSHOT_OVERHEAD_BYTES = 256;
  private static final long FIRST_PAUSE_MILLIS = 100;
  private static final long LONGEST_PAUSE_MILLIS = 10_000;

  private final RunDescription description;
  private final Outbox outbox;
  private final Answers answers;
  private final ManagedChannel channel;
  private final IngestServiceStub calls;
  // Waited for between attempts: nothing that training does shortens a pause.
  private final CountDownLatch closed = new CountDownLatch(1);
  private volatile long lastAnswer;
  private volatile long pauseMillis = FIRST_PAUSE_MILLIS;
  private volatile boolean lost;

  Reporter(Connection connection, RunDescription description, Outbox outbox, Answers answers) {
    this.description = description;
    this.outbox = outbox;
    this.answers = answers;
    this.channel = connection.channel();
    this.calls = connection.calls(channel);
  }

  /** Ends the thread soon, whatever it does. */
  void close() {
    closed.countDown();
    channel.shutdownNow();
    outbox.wake();
  }

  @Override
  public void run() {
    try {
      while (closed.getCount() > 0) {
        try {
          register();
          if (report()) {
            return;
          }
        } catch (StatusRuntimeException failed) {
          explain(failed);
        }
        long jitter = ThreadLocalRandom.current().nextLong(pauseMillis / 2 + 1);
        if (closed.await(pauseMillis / 2 + jitter, TimeUnit.MILLISECONDS)) {
          break;
        }
        pauseMillis = Math.min(LONGEST_PAUSE_MILLIS, 2 * pauseMillis);
      }
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
    } catch (RuntimeException broken) {
      // Training goes on, whatever is wrong here.
      LOG.log(Level.ERROR, "reporting to Fullrank has failed; training goes on without it", broken);
      answers.refused(broken.toString());
    } finally {
      outbox.close();
      channel.shutdownNow();
    }
  }

  private void register() {
    if (answers.registration().isPresent()) {
      return;
    }
    var registered =
        IngestServiceGrpc.newBlockingStub(channel)
            .withCallCredentials(calls.getCallOptions().getCredentials())
            .withDeadlineAfter(CALL_LIMIT)
            .registerRun(description.registration());
    LOG.log(Level.INFO, "Fullrank run {0}", registered.getRun());
    registered
        .getWarningsList()
        .forEach(warning -> LOG.log(Level.WARNING, "Fullrank: {0}", warning));
    answers.registered(registered);
  }

  /**
   * Sends until the run has ended, or the reporter is closed.
   *
   * @return whether the result is accepted
   */
  private boolean report() throws InterruptedException {
    Begin begin =
        description.begin().toBuilder()
            .setRun(answers.registration().orElseThrow().getRun())
            .build();
    Responses responses = new Responses(outbox.startAgain());
    lastAnswer = System.nanoTime();
    try (ReportStream stream = ReportStream.open(calls, begin, responses, CALL_LIMIT)) {
      while (closed.getCount() > 0) {
        var next = outbox.take(heartbeatInterval());
        if (next.isPresent()) {
          send(next.get(), stream);
          if (next.get().kind() == Kind.RESULT) {
            stream.finish(SILENCE_LIMIT);
            return true;
          }
        } else {
          requireAnswers();
          stream.send(ReportRequest.newBuilder().setHeartbeat(heartbeat()), SILENCE_LIMIT);
        }
      }
    }
    return false;
  }

  private void send(Entry entry, ReportStream stream) throws InterruptedException {
    if (entry.features().isEmpty()) {
      ReportRequest.Builder report = entry.report().toBuilder();
      if (entry.kind() == Kind.RESULT) {
        report.getResultBuilder().setSnapshots(outbox.snapshots());
      }
      outbox.sent(entry, stream.send(report, SILENCE_LIMIT));
      return;
    }
    Features features = entry.features().get();
    SnapshotBegin snapshot = entry.report().getSnapshot();
    long mostBytes = answers.limits().getMaxSnapshotBytes();
    if (mostBytes > 0 && features.bytes() + SNAPSHOT_OVERHEAD_BYTES > mostBytes) {
      LOG.log(
          Level.WARNING,
          "Fullrank: the features of step {0} have {1} bytes, the server takes at most {2}, the"
              + " smaller of its fullrank.trainer.ingest.max-snapshot-bytes and"
              + " fullrank.trainer.ingest.buffer-bytes; they are not sent",
          Long.toString(snapshot.getStep()),
          Long.toString(features.bytes()),
          Long.toString(mostBytes));
      outbox.discard(entry);
      answers.noVerdict(snapshot.getStep());
      return;
    }
    SnapshotBegin complete = snapshot.toBuilder().setFeaturesSha256(features.sha256()).build();
    long sequence = stream.send(ReportRequest.newBuilder().setSnapshot(complete), SILENCE_LIMIT);
    int most = answers.limits().getMaxPieceBytes();
    for (ByteString piece : features.pieces()) {
      int pieceBytes = most > 0 ? most : piece.size();
      for (int from = 0; from < piece.size(); from += pieceBytes) {
        ByteString part = piece.substring(from, Math.min(piece.size(), from + pieceBytes));
        sequence = stream.send(ReportRequest.newBuilder().setFeaturesPiece(part), SILENCE_LIMIT);
      }
    }
    outbox.sent(entry, sequence);
  }

  private void requireAnswers() {
    if (outbox.hasUnanswered() && System.nanoTime() - lastAnswer > SILENCE_LIMIT.toNanos()) {
      throw Status.DEADLINE_EXCEEDED
          .withDescription("no answer for %d s".formatted(SILENCE_LIMIT.toSeconds()))
          .asRuntimeException();
    }
  }

  private void explain(StatusRuntimeException failed) {
    Status status = Refusals.explained(failed);
    if (closed.getCount() == 0) {
      return;
    }
    // Before the run is registered, what is too large stays too large; afterwards, a token that has
    // run out may get a successor in its file.
    boolean refused =
        answers.registration().isPresent()
            ? Refusals.isRefusal(status) && status.getCode() != Status.Code.UNAUTHENTICATED
            : Refusals.isRefusal(status) || status.getCode() == Status.Code.RESOURCE_EXHAUSTED;
    if (refused) {
      LOG.log(
          Level.WARNING,
          "Fullrank: the server refuses the run: {0}; training goes on without it",
          Refusals.line(status));
      answers.refused(Refusals.line(status));
      closed.countDown();
    } else if (!lost) {
      lost = true;
      LOG.log(
          Level.WARNING,
          "Fullrank: no connection ({0}); trying again, training goes on",
          Refusals.line(status));
    }
  }

  private java.time.Duration heartbeatInterval() {
    Duration interval = answers.limits().getHeartbeatInterval();
    java.time.Duration wanted =
        java.time.Duration.ofSeconds(interval.getSeconds(), interval.getNanos());
    return wanted.isZero() ? DEFAULT_HEARTBEAT : wanted;
  }

  private Heartbeat heartbeat() {
    java.time.Duration interval = heartbeatInterval();
    return Heartbeat.newBuilder()
        .setInterval(
            Duration.newBuilder().setSeconds(interval.getSeconds()).setNanos(interval.getNano()))
        .build();
  }

  private final class Responses implements ReportStream.Observer {

    private final int stream;

    Responses(int stream) {
      this.stream = stream;
    }

    @Override
    public void answered(ReportResponse response) {
      lastAnswer = System.nanoTime();
      switch (response.getResponseCase()) {
        case ACCEPTED -> {
          pauseMillis = FIRST_PAUSE_MILLIS;
          if (lost) {
            lost = false;
            LOG.log(Level.INFO, "Fullrank: connected again");
          }
          outbox.accepted(stream, response.getAccepted().getSequence());
        }
        case VERDICT -> answers.verdict(response.getVerdict());
        case SKIPPED -> answers.skipped(response.getSkipped());
        case ADVICE -> answers.advised(response.getAdvice());
        case STOP -> answers.stop(response.getStop().getReason());
        case RESPONSE_NOT_SET -> {
          // Of a newer server; this client does without.
        }
      }
    }

    @Override
    public void ended() {
      outbox.wake();
    }
  }
}
