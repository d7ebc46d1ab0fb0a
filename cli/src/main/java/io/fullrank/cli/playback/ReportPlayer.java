package io.fullrank.cli.playback;

import io.fullrank.cli.client.IngestClient;
import io.fullrank.cli.failure.BadInputException;
import io.fullrank.cli.failure.ExecutionFailedException;
import io.fullrank.client.stream.Refusals;
import io.fullrank.client.stream.ReportStream;
import io.fullrank.proto.v1.Begin;
import io.fullrank.proto.v1.RegisterRunResponse;
import io.fullrank.proto.v1.ReportRequest;
import io.fullrank.proto.v1.ReportResponse;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.LongConsumer;

/**
 * Plays a file of reports to a server, as fast as that takes them. After a lost connection it goes
 * on behind what was accepted; a whole file that is played again changes nothing at the server.
 */
public final class ReportPlayer {

  private static final Duration ANSWER_LIMIT = Duration.ofMinutes(2);
  private static final Duration PATIENCE = Duration.ofSeconds(60);
  private static final Duration PAUSE = Duration.ofMillis(500);

  private final ReportFile file;
  private final IngestClient client;
  private final LongConsumer progress;

  /**
   * Creates a player.
   *
   * @param progress is told the offset up to which the file is sent, now and then
   */
  public ReportPlayer(ReportFile file, IngestClient client, LongConsumer progress) {
    this.file = file;
    this.client = client;
    this.progress = progress;
  }

  /**
   * Plays the file; returns once the server has all of it.
   *
   * @param registered the run that the server has for the file's registration
   * @throws BadInputException if the server finds fault with a report
   * @throws ExecutionFailedException if it refuses for another reason, or takes nothing for a
   *     minute
   */
  public void play(RegisterRunResponse registered) throws InterruptedException {
    Begin begin = file.begin().toBuilder().setRun(registered.getRun()).build();
    long offset = file.start();
    long lastAdvance = System.nanoTime();
    while (true) {
      Session session = new Session(offset);
      try {
        session.play(begin);
        return;
      } catch (StatusRuntimeException failed) {
        boolean advanced = session.acceptedOffset() > offset;
        offset = session.acceptedOffset();
        lastAdvance = advanced ? System.nanoTime() : lastAdvance;
        if (Refusals.isRefusal(failed.getStatus())
            || failed.getStatus().getCode() == Status.Code.RESOURCE_EXHAUSTED) {
          throw client.explained(failed);
        }
        if (System.nanoTime() - lastAdvance > PATIENCE.toNanos()) {
          throw new ExecutionFailedException(
              "%s; the server has the file up to byte %d, import it again to go on"
                  .formatted(client.explained(failed).getMessage(), offset),
              failed);
        }
        Thread.sleep(PAUSE.toMillis());
      }
    }
  }

  /** One stream, from an offset of the file on. */
  private final class Session implements ReportStream.Observer {

    private final long from;

    /** Where reports end in the file, by the sequences that they have in this stream. */
    private final TreeMap<Long, Long> ends = new TreeMap<>();

    private long accepted;

    Session(long from) {
      this.from = from;
    }

    void play(Begin begin) throws InterruptedException {
      try (ReportStream stream = ReportStream.open(client.streams(), begin, this, ANSWER_LIMIT);
          ReportFile.Reader reader = file.read(from)) {
        // That of Begin.
        long sequence = 1;
        while (reader.offset() < file.end()) {
          long offset = reader.offset();
          ReportRequest report = reader.nextReport();
          if (!report.hasFeaturesPiece()) {
            complete(sequence, offset);
          }
          sequence = stream.send(report.toBuilder(), ANSWER_LIMIT);
          progress.accept(reader.offset());
        }
        stream.finish(ANSWER_LIMIT);
      } catch (IOException failed) {
        throw new UncheckedIOException(failed);
      }
    }

    @Override
    public synchronized void answered(ReportResponse response) {
      if (response.hasAccepted()) {
        accepted = response.getAccepted().getSequence();
      }
    }

    @Override
    public void ended() {
      // What sends is told by its next call.
    }

    /** Returns the offset up to which the server has the file. */
    synchronized long acceptedOffset() {
      Map.Entry<Long, Long> last = ends.floorEntry(accepted);
      return last == null ? from : last.getValue();
    }

    /** Notes where a report ends, with all its pieces. */
    private synchronized void complete(long sequence, long offset) {
      ends.put(sequence, offset);
      // Of what is accepted the last is enough.
      Map.Entry<Long, Long> last = ends.floorEntry(accepted);
      if (last != null) {
        ends.headMap(last.getKey()).clear();
      }
    }
  }
}
