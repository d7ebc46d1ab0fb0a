package io.fullrank.certificate;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;

/**
 * Reads two-dimensional arrays from NumPy's {@code .npy} files (NumPy Enhancement Proposal 1):
 * versions 1 to 3 of the format, data types f2, f4 and f8 in both byte orders, C and Fortran order.
 */
public final class NpyFile {

  private static final byte[] MAGIC = {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y'};
  private static final int MAX_HEADER_BYTES = 1 << 16;
  private static final long WINDOW_BYTES = 64L << 20;

  private NpyFile() {}

  /**
   * Reads a file, mapped into memory window by window.
   *
   * @param file the file
   * @param appendOnes whether to append the column of ones that carries the bias
   * @return the matrix, widened to f64 without loss, to be closed by the caller
   * @throws InvalidMatrixFileException if the file cannot be read, is damaged, or holds something
   *     other than a two-dimensional array of floating-point numbers with rows and columns
   * @throws InsufficientMemoryException if the matrix does not fit
   */
  public static FeatureMatrix read(Path file, boolean appendOnes) {
    if (Files.isDirectory(file)) {
      throw new InvalidMatrixFileException(file, "is a directory, not an .npy file");
    }
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      return read(file, channel, appendOnes);
    } catch (NoSuchFileException e) {
      throw new InvalidMatrixFileException(file, "no such file", e);
    } catch (IOException e) {
      throw new InvalidMatrixFileException(file, "cannot be read: " + e.getMessage(), e);
    }
  }

  private static FeatureMatrix read(Path file, FileChannel channel, boolean appendOnes)
      throws IOException {
    long size = channel.size();
    ByteBuffer start = bytes(file, channel, size, 0, MAGIC.length + 2);
    byte[] magic = new byte[MAGIC.length];
    start.get(magic);
    if (!Arrays.equals(magic, MAGIC)) {
      throw new InvalidMatrixFileException(file, "is not an .npy file (wrong first bytes)");
    }
    int version = start.get();
    int minor = start.get();
    if (version < 1 || version > 3 || minor != 0) {
      throw new InvalidMatrixFileException(
          file,
          "has .npy format version "
              + (version & 0xff)
              + "."
              + (minor & 0xff)
              + "; 1.0, 2.0 and 3.0 are read");
    }
    int lengthBytes = version == 1 ? 2 : 4;
    ByteBuffer length = bytes(file, channel, size, 8, lengthBytes);
    long headerLength = version == 1 ? length.getShort() & 0xffffL : length.getInt() & 0xffffffffL;
    if (headerLength > MAX_HEADER_BYTES) {
      throw new InvalidMatrixFileException(
          file, "has a header of " + headerLength + " bytes; at most 65536 are read");
    }
    ByteBuffer header = bytes(file, channel, size, 8 + lengthBytes, (int) headerLength);
    String text =
        (version == 3 ? StandardCharsets.UTF_8 : StandardCharsets.ISO_8859_1)
            .decode(header)
            .toString();
    try {
      return readData(
          file, channel, size, 8 + lengthBytes + headerLength, NpyHeader.parse(text), appendOnes);
    } catch (NpyHeader.MalformedHeaderException e) {
      throw new InvalidMatrixFileException(file, e.getMessage(), e);
    }
  }

  private static ByteBuffer bytes(
      Path file, FileChannel channel, long size, long position, int count) throws IOException {
    if (position + count > size) {
      throw new InvalidMatrixFileException(file, "is truncated: it ends within its header");
    }
    ByteBuffer buffer = ByteBuffer.allocate(count).order(ByteOrder.LITTLE_ENDIAN);
    while (buffer.hasRemaining()) {
      if (channel.read(buffer, position + buffer.position()) < 0) {
        throw new InvalidMatrixFileException(file, "became shorter while it was read");
      }
    }
    return buffer.flip();
  }

  private static FeatureMatrix readData(
      Path file,
      FileChannel channel,
      long size,
      long dataStart,
      NpyHeader header,
      boolean appendOnes)
      throws IOException {
    ElementType type = elementType(file, header.descr());
    if (header.shape().size() != 2) {
      throw new InvalidMatrixFileException(
          file, "holds an array of shape " + header.shape() + "; two dimensions are needed");
    }
    long rows = header.shape().get(0);
    long columns = header.shape().get(1);
    if (rows == 0 || columns == 0) {
      throw new InvalidMatrixFileException(file, "holds an empty array, " + rows + " x " + columns);
    }
    long expected;
    try {
      expected = Math.multiplyExact(Math.multiplyExact(rows, columns), (long) type.bytes);
    } catch (ArithmeticException e) {
      throw new InvalidMatrixFileException(
          file, "claims " + rows + " x " + columns + " entries, more than any file can hold", e);
    }
    long actual = size - dataStart;
    if (actual != expected) {
      throw new InvalidMatrixFileException(
          file,
          String.format(
              "%s: %d x %d entries of %d bytes are %d bytes, but %d follow the header",
              actual < expected ? "is truncated" : "has trailing bytes",
              rows,
              columns,
              type.bytes,
              expected,
              actual));
    }
    FeatureMatrix matrix = FeatureMatrix.allocate(rows, appendOnes ? columns + 1 : columns);
    try {
      if (header.fortranOrder()) {
        readColumns(channel, dataStart, rows, columns, type, byteOrder(header), matrix);
      } else {
        readRows(channel, dataStart, rows, columns, type, byteOrder(header), matrix);
      }
      if (appendOnes) {
        matrix.fillColumn(columns, 1);
      }
      return matrix;
    } catch (IOException | RuntimeException | Error e) {
      matrix.close();
      throw e;
    }
  }

  private static ElementType elementType(Path file, String descr) {
    for (ElementType type : ElementType.values()) {
      if (descr.equals("<" + type.code) || descr.equals(">" + type.code)) {
        return type;
      }
    }
    String shown = descr.length() > 40 ? descr.substring(0, 40) + "..." : descr;
    throw new InvalidMatrixFileException(
        file,
        "holds elements of type '"
            + shown.replaceAll("[^\\x20-\\x7e]", "?")
            + "'; f2, f4 and f8 with a stated byte order (< or >) are read");
  }

  private static ByteOrder byteOrder(NpyHeader header) {
    return header.descr().charAt(0) == '<' ? ByteOrder.LITTLE_ENDIAN : ByteOrder.BIG_ENDIAN;
  }

  /** C order: a window of consecutive entries is a run of (pieces of) rows. */
  private static void readRows(
      FileChannel channel,
      long dataStart,
      long rows,
      long columns,
      ElementType type,
      ByteOrder order,
      FeatureMatrix matrix)
      throws IOException {
    double[] values = new double[(int) Math.min(columns, 1 << 16)];
    long total = rows * columns;
    long perWindow = WINDOW_BYTES / type.bytes;
    for (long from = 0; from < total; from += perWindow) {
      long count = Math.min(perWindow, total - from);
      ByteBuffer window = map(channel, dataStart, from, count, type, order);
      long next = from;
      while (next < from + count) {
        long row = next / columns;
        long column = next % columns;
        int length = (int) Math.min(values.length, Math.min(columns - column, from + count - next));
        for (int k = 0; k < length; k++) {
          values[k] = type.next(window);
        }
        matrix.setRow(row, column, values, 0, length);
        next += length;
      }
    }
  }

  /** Fortran order: a window of consecutive entries is a run of (pieces of) columns. */
  private static void readColumns(
      FileChannel channel,
      long dataStart,
      long rows,
      long columns,
      ElementType type,
      ByteOrder order,
      FeatureMatrix matrix)
      throws IOException {
    long total = rows * columns;
    long perWindow = WINDOW_BYTES / type.bytes;
    for (long from = 0; from < total; from += perWindow) {
      long count = Math.min(perWindow, total - from);
      ByteBuffer window = map(channel, dataStart, from, count, type, order);
      for (long next = from; next < from + count; next++) {
        matrix.set(next % rows, next / rows, type.next(window));
      }
    }
  }

  private static ByteBuffer map(
      FileChannel channel, long dataStart, long from, long count, ElementType type, ByteOrder order)
      throws IOException {
    return channel
        .map(FileChannel.MapMode.READ_ONLY, dataStart + from * type.bytes, count * type.bytes)
        .order(order);
  }

  /** The element types that are read; each widens to f64 without loss. */
  private enum ElementType {
    F2("f2", 2) {
      @Override
      double next(ByteBuffer buffer) {
        return fromHalf(buffer.getShort());
      }
    },
    F4("f4", 4) {
      @Override
      double next(ByteBuffer buffer) {
        return buffer.getFloat();
      }
    },
    F8("f8", 8) {
      @Override
      double next(ByteBuffer buffer) {
        return buffer.getDouble();
      }
    };

    final String code;
    final int bytes;

    ElementType(String code, int bytes) {
      this.code = code;
      this.bytes = bytes;
    }

    abstract double next(ByteBuffer buffer);

    /** IEEE 754 binary16: 1 sign, 5 exponent and 10 fraction bits. */
    private static double fromHalf(short half) {
      int exponent = half >> 10 & 0x1f;
      int fraction = half & 0x3ff;
      double magnitude;
      if (exponent == 0x1f) {
        magnitude = fraction == 0 ? Double.POSITIVE_INFINITY : Double.NaN;
      } else if (exponent == 0) {
        magnitude = fraction * 0x1p-24;
      } else {
        magnitude = Math.scalb(1024.0 + fraction, exponent - 25);
      }
      return half < 0 ? -magnitude : magnitude;
    }
  }
}
