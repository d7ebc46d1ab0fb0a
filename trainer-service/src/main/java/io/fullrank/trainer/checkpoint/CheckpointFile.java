package io.fullrank.trainer.checkpoint;

import com.google.common.hash.Hashing;
import com.google.common.hash.HashingInputStream;
import com.google.common.hash.HashingOutputStream;
import com.google.protobuf.InvalidProtocolBufferException;
import io.fullrank.network.state.UnusableCheckpointException;
import io.fullrank.proto.v1.CheckpointHeader;
import io.fullrank.proto.v1.Tensor;
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.URLEncoder;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The file of one checkpoint: a line that names format and version, the {@link CheckpointHeader}
 * and as many {@link Tensor}s as it says, each after its length as protobuf delimits them, and the
 * SHA-256 of all that. It appears in its folder whole or not at all.
 *
 * @param path named after run, attempt and step: {@code <run>@<attempt>@<step>.checkpoint}, the run
 *     encoded as in a URL
 */
public record CheckpointFile(Path path, String run, long attempt, long step) {

  private static final byte[] FORMAT =
      "fullrank checkpoint 1\n".getBytes(StandardCharsets.US_ASCII);
  private static final int DIGEST_BYTES = 32;
  private static final int BUFFER_BYTES = 1 << 16;
  private static final String ENDING = ".checkpoint";
  private static final String UNFINISHED = ".unfinished";
  private static final Pattern NUMBERS =
      Pattern.compile("(\\d{1,18})@(\\d{1,18})" + Pattern.quote(ENDING));

  /** The place of a checkpoint in a folder. */
  static CheckpointFile in(Path folder, String run, long attempt, long step) {
    return new CheckpointFile(
        folder.resolve(prefix(run) + attempt + "@" + step + ENDING), run, attempt, step);
  }

  /** What the names of a run's files begin with, unfinished ones included. */
  static String prefix(String run) {
    return URLEncoder.encode(run, StandardCharsets.UTF_8) + "@";
  }

  /** A run's checkpoint at a path; empty if the name is not one of a finished checkpoint. */
  static Optional<CheckpointFile> at(Path path, String run) {
    String name = path.getFileName().toString();
    Matcher numbers = NUMBERS.matcher(name.substring(prefix(run).length()));
    return numbers.matches()
        ? Optional.of(
            new CheckpointFile(
                path, run, Long.parseLong(numbers.group(1)), Long.parseLong(numbers.group(2))))
        : Optional.empty();
  }

  /**
   * Writes a checkpoint. When this returns, it outlives a power failure.
   *
   * @return the file's bytes
   */
  long write(RunCheckpoint checkpoint) throws IOException {
    Path unfinished = path.resolveSibling(path.getFileName() + UNFINISHED);
    try {
      long bytes = writeUnfinished(unfinished, checkpoint);
      Files.move(
          unfinished, path, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
      force(path.getParent());
      return bytes;
    } finally {
      Files.deleteIfExists(unfinished);
    }
  }

  private static long writeUnfinished(Path file, RunCheckpoint checkpoint) throws IOException {
    try (FileChannel channel =
        FileChannel.open(
            file,
            StandardOpenOption.CREATE,
            StandardOpenOption.TRUNCATE_EXISTING,
            StandardOpenOption.WRITE)) {
      OutputStream out = new BufferedOutputStream(Channels.newOutputStream(channel));
      HashingOutputStream digested = new HashingOutputStream(Hashing.sha256(), out);
      digested.write(FORMAT);
      checkpoint.header().writeDelimitedTo(digested);
      for (Tensor tensor : checkpoint.tensors()) {
        tensor.writeDelimitedTo(digested);
      }
      out.write(digested.hash().asBytes());
      out.flush();
      channel.force(true);
      return channel.size();
    }
  }

  /** Puts it under another attempt, which has taken it up. */
  CheckpointFile claim(long newAttempt) throws IOException {
    CheckpointFile claimed = in(path.getParent(), run, newAttempt, step);
    Files.move(path, claimed.path(), StandardCopyOption.ATOMIC_MOVE);
    force(path.getParent());
    return claimed;
  }

  /** Names in a folder are only as durable as the folder. */
  private static void force(Path folder) throws IOException {
    try (FileChannel channel = FileChannel.open(folder, StandardOpenOption.READ)) {
      channel.force(true);
    }
  }

  /**
   * Reads the file.
   *
   * @throws UnusableCheckpointException if it is none, is damaged, or cannot be read
   */
  public RunCheckpoint read() {
    try {
      verify();
      return parse();
    } catch (InvalidProtocolBufferException foreign) {
      throw new UnusableCheckpointException(
          "its messages cannot be read: " + foreign.getMessage(), foreign);
    } catch (IOException unreadable) {
      throw new UnusableCheckpointException("it cannot be read: " + unreadable, unreadable);
    }
  }

  private void verify() throws IOException {
    long payload = Files.size(path) - DIGEST_BYTES;
    try (InputStream file = new BufferedInputStream(Files.newInputStream(path))) {
      HashingInputStream digested = new HashingInputStream(Hashing.sha256(), file);
      if (!Arrays.equals(digested.readNBytes(FORMAT.length), FORMAT)) {
        throw new UnusableCheckpointException("it is no checkpoint of this version");
      }
      if (payload < FORMAT.length) {
        throw new UnusableCheckpointException("it ends within its first lines");
      }
      byte[] buffer = new byte[BUFFER_BYTES];
      for (long left = payload - FORMAT.length; left > 0; ) {
        int count = digested.read(buffer, 0, (int) Math.min(left, buffer.length));
        if (count < 0) {
          throw new EOFException("it became shorter while it was read");
        }
        left -= count;
      }
      byte[] actual = digested.hash().asBytes();
      if (!Arrays.equals(file.readAllBytes(), actual)) {
        throw new UnusableCheckpointException(
            "it is truncated or damaged: its SHA-256 is not the one at its end");
      }
    }
  }

  private RunCheckpoint parse() throws IOException {
    try (InputStream file = new BufferedInputStream(Files.newInputStream(path))) {
      file.skipNBytes(FORMAT.length);
      CheckpointHeader header = CheckpointHeader.parseDelimitedFrom(file);
      List<Tensor> tensors = new ArrayList<>();
      for (int i = 0; i < header.getTensors(); i++) {
        tensors.add(Tensor.parseDelimitedFrom(file));
      }
      return new RunCheckpoint(header, tensors);
    }
  }
}
