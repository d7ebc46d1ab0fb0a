package io.fullrank.cli.playback;

import com.google.protobuf.CodedInputStream;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.Parser;
import io.fullrank.cli.failure.BadInputException;
import io.fullrank.proto.v1.Begin;
import io.fullrank.proto.v1.RegisterRunRequest;
import io.fullrank.proto.v1.ReportRequest;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;

/**
 * A file of what a program would have reported: ten bytes {@code FULLRANK1\n}, then messages, each
 * after its length as a varint: one RegisterRunRequest, and ReportRequests with the sequences 1, 2,
 * …, the first of which is Begin.
 *
 * @param path of the file
 * @param registration the first message
 * @param begin the second one
 * @param start the offset of what follows
 * @param end the offset at which what can be played ends
 * @param snapshots how many there are before the end
 * @param hasResult whether the last message is the run's result
 */
public record ReportFile(
    Path path,
    RegisterRunRequest registration,
    Begin begin,
    long start,
    long end,
    long snapshots,
    boolean hasResult) {

  static final byte[] HEADER = "FULLRANK1\n".getBytes(StandardCharsets.US_ASCII);

  private static final int BUFFER_BYTES = 1 << 20;

  /**
   * Reads the whole file once, and checks every message and the SHA-256 of all features.
   *
   * @param partial whether a file that ends in the middle of a message or of a snapshot is taken up
   *     to there
   * @throws BadInputException naming the offset of what is wrong
   */
  public static ReportFile check(Path path, boolean partial) {
    try (Reader reader = Reader.open(path, 0)) {
      reader.requireHeader();
      RegisterRunRequest registration =
          reader
              .next(RegisterRunRequest.parser())
              .orElseThrow(() -> damaged(path, HEADER.length, "there is no registration"));
      Order order = new Order();
      long start = 0;
      Begin begin = Begin.getDefaultInstance();
      long offset = reader.offset();
      try {
        for (Optional<ReportRequest> next = reader.next(ReportRequest.parser());
            next.isPresent();
            next = reader.next(ReportRequest.parser())) {
          order
              .fault(next.get())
              .ifPresent(
                  fault -> {
                    throw damaged(path, reader.messageOffset(), fault);
                  });
          if (next.get().hasBegin()) {
            begin = next.get().getBegin();
            start = reader.offset();
          }
          offset = order.isBetweenReports() ? reader.offset() : offset;
        }
        if (!order.isBetweenReports()) {
          throw new CutException(offset);
        }
      } catch (CutException cut) {
        if (!partial) {
          throw new BadInputException(
              "%s: ends in the middle of what begins at byte %d; --partial takes what is before it"
                  .formatted(path, offset),
              cut);
        }
      }
      if (start == 0) {
        throw damaged(path, offset, "there is no beginning of a run");
      }
      return new ReportFile(
          path, registration, begin, start, offset, order.snapshots(), order.hasEnded());
    } catch (CutException cut) {
      throw damaged(path, cut.offset(), "the registration is not whole");
    } catch (IOException unreadable) {
      throw unreadable(path, unreadable);
    }
  }

  /**
   * Opens the file to read reports from an offset on.
   *
   * @param offset at which a message begins
   */
  Reader read(long offset) {
    try {
      return Reader.open(path, offset);
    } catch (IOException unreadable) {
      throw unreadable(path, unreadable);
    }
  }

  private static BadInputException unreadable(Path path, IOException failed) {
    return new BadInputException(
        Files.exists(path)
            ? "%s: cannot be read (%s)".formatted(path, failed.getMessage())
            : "%s: there is no such file".formatted(path),
        failed);
  }

  private static BadInputException damaged(Path path, long offset, String what) {
    return new BadInputException("%s: damaged at byte %d: %s".formatted(path, offset, what));
  }

  /** The file ends before a message does. */
  private static final class CutException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    private final long offset;

    CutException(long offset) {
      this.offset = offset;
    }

    long offset() {
      return offset;
    }
  }

  /** Reads one message after the other. */
  static final class Reader implements AutoCloseable {

    private final Path path;
    private final InputStream bytes;
    private final long size;
    private long offset;
    private long messageOffset;

    private Reader(Path path, InputStream bytes, long size, long offset) {
      this.path = path;
      this.bytes = bytes;
      this.size = size;
      this.offset = offset;
    }

    private static Reader open(Path path, long offset) throws IOException {
      FileChannel channel = FileChannel.open(path).position(offset);
      return new Reader(
          path,
          new BufferedInputStream(Channels.newInputStream(channel), BUFFER_BYTES),
          channel.size(),
          offset);
    }

    /** Returns the offset at which the next message begins. */
    long offset() {
      return offset;
    }

    /** Returns the offset at which the last message began. */
    long messageOffset() {
      return messageOffset;
    }

    /** Returns the next report, which must be there. */
    ReportRequest nextReport() {
      try {
        return next(ReportRequest.parser()).orElseThrow(() -> new CutException(offset));
      } catch (CutException cut) {
        throw damaged(path, cut.offset(), "the file has become shorter while it was played");
      } catch (IOException failed) {
        throw unreadable(path, failed);
      }
    }

    private void requireHeader() throws IOException {
      byte[] header = bytes.readNBytes(HEADER.length);
      offset += header.length;
      if (!Arrays.equals(header, HEADER)) {
        throw new BadInputException(
            "%s: is no file of reports, which begin with FULLRANK1".formatted(path));
      }
    }

    private <T extends Message> Optional<T> next(Parser<T> parser) throws IOException {
      messageOffset = offset;
      int first = bytes.read();
      if (first < 0) {
        return Optional.empty();
      }
      CountedBytes prefix = new CountedBytes(bytes);
      int length;
      try {
        length = CodedInputStream.readRawVarint32(first, prefix);
      } catch (InvalidProtocolBufferException malformed) {
        if (offset + 1 + prefix.count() >= size) {
          throw new CutException(messageOffset);
        }
        throw damaged(path, messageOffset, "there is no length of a message");
      }
      offset += 1 + prefix.count();
      if (length < 0) {
        throw damaged(path, messageOffset, "a message of more than 2 GiB cannot be");
      }
      if (length > size - offset) {
        throw new CutException(messageOffset);
      }
      byte[] message = bytes.readNBytes(length);
      offset += message.length;
      try {
        return Optional.of(parser.parseFrom(message));
      } catch (InvalidProtocolBufferException malformed) {
        throw damaged(path, messageOffset, malformed.getMessage());
      }
    }

    @Override
    public void close() throws IOException {
      bytes.close();
    }
  }

  /** Counts what is read. */
  private static final class CountedBytes extends InputStream {

    private final InputStream bytes;
    private int count;

    CountedBytes(InputStream bytes) {
      this.bytes = bytes;
    }

    int count() {
      return count;
    }

    @Override
    public int read() throws IOException {
      int read = bytes.read();
      count += read < 0 ? 0 : 1;
      return read;
    }
  }
}
