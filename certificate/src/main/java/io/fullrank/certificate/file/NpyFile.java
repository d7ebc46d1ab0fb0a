package io.fullrank.certificate.file;

import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.result.InsufficientMemoryException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;

/**
 * Reads two-dimensional arrays from NumPy's {@code .npy} files (NumPy Enhancement Proposal 1):
 * versions 1 to 3 of the format, booleans, integers of up to 64 bits, and f2, f4 and f8 in both
 * byte orders, C and Fortran order. Integers beyond ±2^53 are refused, since f64 does not hold all.
 */
public final class NpyFile {

  private static final byte[] MAGIC = {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y'};
  private static final byte[] ZIP_MAGIC = {'P', 'K', 3, 4};
  private static final int MAX_HEADER_BYTES = 1 << 16;

  /** The types by what NumPy calls them, without the byte order. */
  private static final Map<String, ElementType> TYPES =
      Map.ofEntries(
          Map.entry("b1", ElementType.BOOL),
          Map.entry("i1", ElementType.I8),
          Map.entry("u1", ElementType.U8),
          Map.entry("i2", ElementType.I16),
          Map.entry("u2", ElementType.U16),
          Map.entry("i4", ElementType.I32),
          Map.entry("u4", ElementType.U32),
          Map.entry("i8", ElementType.I64),
          Map.entry("u8", ElementType.U64),
          Map.entry("f2", ElementType.F16),
          Map.entry("f4", ElementType.F32),
          Map.entry("f8", ElementType.F64));

  private NpyFile() {}

  /**
   * Reads a file, mapped into memory window by window.
   *
   * @param path the file
   * @param appendOnes whether to append the column of ones that carries the bias
   * @return the matrix, widened to f64 without loss, to be closed by the caller
   * @throws InvalidMatrixFileException if the file cannot be read, is damaged, or holds something
   *     other than a two-dimensional array of numbers with rows and columns, of the types above
   * @throws InsufficientMemoryException if the matrix does not fit
   */
  public static Matrix read(Path path, boolean appendOnes) {
    try (StoredRows rows = open(path, appendOnes)) {
      return rows.load();
    }
  }

  /**
   * Opens a file whose rows are read when they are asked for.
   *
   * @param path the file
   * @param appendOnes whether to append the column of ones that carries the bias
   * @return the rows, to be closed by the caller
   * @throws InvalidMatrixFileException as {@link #read} does
   */
  public static StoredRows open(Path path, boolean appendOnes) {
    MatrixFile file = MatrixFile.open(path);
    try {
      return new StoredRows(file, matrix(file), appendOnes);
    } catch (RuntimeException | Error e) {
      file.close();
      throw e;
    }
  }

  /**
   * Returns the SHA-256 of a file's entries, in their own type, row by row and little-endian: what
   * {@code hashlib.sha256} says of a contiguous array's bytes.
   *
   * @throws InvalidMatrixFileException as {@link #read}
   */
  public static byte[] sha256(Path path) {
    try (MatrixFile file = MatrixFile.open(path)) {
      return matrix(file).sha256();
    }
  }

  private static StoredMatrix matrix(MatrixFile file) {
    int first = (int) Math.min(MAGIC.length, file.size());
    if (startsWith(file, ZIP_MAGIC)) {
      throw file.invalid(
          "is a ZIP archive, as .npz and .pt files are; save the one array with numpy.save");
    }
    if (!Arrays.equals(file.header(0, first).array(), Arrays.copyOf(MAGIC, first))) {
      throw file.invalid("is not an .npy file (wrong first bytes)");
    }
    ByteBuffer numbers = file.header(MAGIC.length, 2);
    int version = numbers.get();
    int minor = numbers.get();
    if (version < 1 || version > 3 || minor != 0) {
      throw file.invalid(
          "has .npy format version "
              + (version & 0xff)
              + "."
              + (minor & 0xff)
              + "; 1.0, 2.0 and 3.0 are read");
    }
    int lengthBytes = version == 1 ? 2 : 4;
    ByteBuffer length = file.header(8, lengthBytes);
    long headerLength = version == 1 ? length.getShort() & 0xffffL : length.getInt() & 0xffffffffL;
    if (headerLength > MAX_HEADER_BYTES) {
      throw file.invalid("has a header of " + headerLength + " bytes; at most 65536 are read");
    }
    ByteBuffer header = file.header(8 + lengthBytes, (int) headerLength);
    String text =
        (version == 3 ? StandardCharsets.UTF_8 : StandardCharsets.ISO_8859_1)
            .decode(header)
            .toString();
    try {
      return matrix(file, 8 + lengthBytes + headerLength, NpyHeader.parse(text));
    } catch (NpyHeader.MalformedHeaderException e) {
      throw file.invalid(e.getMessage(), e);
    }
  }

  private static StoredMatrix matrix(MatrixFile file, long dataStart, NpyHeader header) {
    ElementType type = elementType(file, header.descr());
    if (header.shape().size() != 2) {
      throw file.invalid(
          "holds an array of shape "
              + header.shape()
              + "; two dimensions are needed, one row per example: save a.reshape(len(a), -1)");
    }
    long rows = header.shape().get(0);
    long columns = header.shape().get(1);
    if (rows == 0 || columns == 0) {
      throw file.invalid("holds an empty array, " + rows + " x " + columns);
    }
    long expected;
    try {
      expected = Math.multiplyExact(Math.multiplyExact(rows, columns), type.bytes());
    } catch (ArithmeticException e) {
      throw file.invalid(
          "claims " + rows + " x " + columns + " entries, more than any file can hold", e);
    }
    long actual = file.size() - dataStart;
    if (actual != expected) {
      throw file.invalid(
          String.format(
              "%s: %d x %d entries of %d bytes are %d bytes, but %d follow the header",
              actual < expected ? "is truncated" : "has trailing bytes",
              rows,
              columns,
              type.bytes(),
              expected,
              actual));
    }
    ByteOrder order =
        header.descr().charAt(0) == '>' ? ByteOrder.BIG_ENDIAN : ByteOrder.LITTLE_ENDIAN;
    return new StoredMatrix(file, dataStart, rows, columns, type, order, header.fortranOrder());
  }

  private static boolean startsWith(MatrixFile file, byte[] magic) {
    return file.size() >= magic.length
        && Arrays.equals(file.header(0, magic.length).array(), magic);
  }

  private static ElementType elementType(MatrixFile file, String descr) {
    char order = descr.isEmpty() ? '?' : descr.charAt(0);
    ElementType type = descr.isEmpty() ? null : TYPES.get(descr.substring(1));
    // A byte has no order, and NumPy writes a bar then.
    if (type != null && (order == '<' || order == '>' || order == '|' && type.bytes() == 1)) {
      return type;
    }
    throw file.invalid(
        "holds elements of type '"
            + MatrixFile.printable(descr)
            + "'; "
            + (descr.contains("V")
                ? "NumPy saves bfloat16 and float8 as such raw bytes: save a.astype('f4')"
                : "booleans, integers of at most 64 bits, and f2, f4 and f8 with a stated byte"
                    + " order (< or >) are read"));
  }
}
