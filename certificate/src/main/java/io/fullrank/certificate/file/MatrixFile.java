package io.fullrank.certificate.file;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** A file of any format that may hold matrices, open for reading. */
final class MatrixFile implements AutoCloseable {

  private static final int SHOWN = 40;

  private final Path path;
  private final FileChannel channel;
  private final long size;

  private MatrixFile(Path path, FileChannel channel, long size) {
    this.path = path;
    this.channel = channel;
    this.size = size;
  }

  /**
   * Opens a file.
   *
   * @throws InvalidMatrixFileException if it is absent, not a regular file, or may not be read
   */
  static MatrixFile open(Path path) {
    if (Files.isDirectory(path)) {
      throw new InvalidMatrixFileException(path, "is a directory, not a file");
    }
    // Opening a pipe would wait for its writer, and it could not be mapped.
    if (Files.exists(path) && !Files.isRegularFile(path)) {
      throw new InvalidMatrixFileException(path, "is not a regular file");
    }
    try {
      FileChannel channel = FileChannel.open(path, StandardOpenOption.READ);
      return new MatrixFile(path, channel, channel.size());
    } catch (NoSuchFileException e) {
      throw new InvalidMatrixFileException(path, "no such file", e);
    } catch (AccessDeniedException e) {
      throw new InvalidMatrixFileException(path, "may not be read: permission denied", e);
    } catch (IOException e) {
      throw new InvalidMatrixFileException(path, "cannot be read: " + e.getMessage(), e);
    }
  }

  FileChannel channel() {
    return channel;
  }

  /** Returns the number of bytes that the file had when it was opened. */
  long size() {
    return size;
  }

  /**
   * Reads bytes of the header, to be taken as little-endian.
   *
   * @throws InvalidMatrixFileException if the file ends within them
   */
  ByteBuffer header(long position, int count) {
    if (position + count > size) {
      throw invalid(size == 0 ? "is empty" : "is truncated: it ends within its header");
    }
    ByteBuffer buffer = ByteBuffer.allocate(count).order(ByteOrder.LITTLE_ENDIAN);
    try {
      read(position, buffer);
    } catch (IOException e) {
      throw unreadable(e);
    }
    return buffer.flip();
  }

  /**
   * Reads bytes from a position on, until a buffer has no room left.
   *
   * @throws InvalidMatrixFileException if the file has become shorter
   */
  void read(long position, ByteBuffer into) throws IOException {
    long next = position;
    while (into.hasRemaining()) {
      int count = channel.read(into, next);
      if (count < 0) {
        throw invalid("became shorter while it was read");
      }
      next += count;
    }
  }

  /** Returns an exception that says what is wrong with the file. */
  InvalidMatrixFileException invalid(String reason) {
    return new InvalidMatrixFileException(path, reason);
  }

  /** Returns an exception that says what is wrong with the file, with its cause. */
  InvalidMatrixFileException invalid(String reason, Throwable cause) {
    return new InvalidMatrixFileException(path, reason, cause);
  }

  /** Returns the exception for a file that cannot be read. */
  InvalidMatrixFileException unreadable(IOException cause) {
    return new InvalidMatrixFileException(path, "cannot be read: " + cause.getMessage(), cause);
  }

  /** Keeps messages short and on one line, whatever a hostile file holds. */
  static String printable(String text) {
    String shown = text.length() > SHOWN ? text.substring(0, SHOWN) + "..." : text;
    return shown.replaceAll("[^\\x20-\\x7e]", "?");
  }

  @Override
  public void close() {
    try {
      channel.close();
    } catch (IOException e) {
      throw unreadable(e);
    }
  }
}
