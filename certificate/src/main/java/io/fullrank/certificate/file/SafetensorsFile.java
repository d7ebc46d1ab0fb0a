package io.fullrank.certificate.file;

import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.result.InsufficientMemoryException;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.List;

/**
 * A file of tensors in the safetensors format (version 0.4 and later, as specified by its authors,
 * Hugging Face). It consists of the length of the header as a 64-bit number; the header, a JSON
 * object with type, shape and range of bytes of each tensor; and the tensors, row-major and
 * little-endian.
 *
 * <p>As the format demands, the ranges have to cover the data without holes and without overlaps,
 * and no name may come twice.
 */
public final class SafetensorsFile implements AutoCloseable {

  /** The format's own limit. */
  private static final long MAX_HEADER_BYTES = 100_000_000;

  private final MatrixFile file;
  private final long dataStart;
  private final List<Tensor> tensors;

  private SafetensorsFile(MatrixFile file, long dataStart, List<Tensor> tensors) {
    this.file = file;
    this.dataStart = dataStart;
    this.tensors = tensors;
  }

  /**
   * One tensor of a file.
   *
   * @param name its name, any text
   * @param type the type of its elements as the format names it, such as {@code BF16}
   * @param shape its dimensions, none negative
   * @param begin the position of its first byte, counted from the end of the header
   * @param end the position after its last byte
   */
  public record Tensor(String name, String type, List<Long> shape, long begin, long end) {

    /** Copies the shape. */
    public Tensor {
      shape = List.copyOf(shape);
    }

    /**
     * Returns whether {@link SafetensorsFile#read} can read this tensor: it has two dimensions,
     * neither of them 0, and elements that are numbers of at least a byte and at most 8.
     */
    public boolean isMatrix() {
      return shape.size() == 2 && !shape.contains(0L) && ElementType.named(type).isPresent();
    }
  }

  /**
   * Opens a file and verifies its header.
   *
   * @return the file, to be closed by the caller
   * @throws InvalidMatrixFileException if the file cannot be read or is damaged
   */
  public static SafetensorsFile open(Path path) {
    MatrixFile file = MatrixFile.open(path);
    try {
      long headerBytes = headerBytes(file);
      long dataStart = Long.BYTES + headerBytes;
      List<Tensor> tensors =
          SafetensorsHeader.parse(
              file.header(Long.BYTES, (int) headerBytes).array(), file.size() - dataStart);
      return new SafetensorsFile(file, dataStart, tensors);
    } catch (SafetensorsHeader.MalformedHeaderException malformed) {
      file.close();
      throw file.invalid(malformed.getMessage(), malformed);
    } catch (RuntimeException | Error e) {
      file.close();
      throw e;
    }
  }

  private static long headerBytes(MatrixFile file) {
    long bytes = file.header(0, Long.BYTES).getLong();
    if (bytes < 0 || bytes > MAX_HEADER_BYTES) {
      throw file.invalid(
          "is no .safetensors file: its header would have "
              + Long.toUnsignedString(bytes)
              + " bytes, at most "
              + MAX_HEADER_BYTES
              + " are allowed");
    }
    if (bytes > file.size() - Long.BYTES) {
      throw file.invalid(
          "is truncated: its header has "
              + bytes
              + " bytes, but only "
              + (file.size() - Long.BYTES)
              + " follow");
    }
    return bytes;
  }

  /** Returns its tensors, in the order of the header. */
  public List<Tensor> tensors() {
    return tensors;
  }

  /**
   * Reads a matrix, mapped into memory window by window.
   *
   * @param name of the tensor
   * @param appendOnes whether to append the column of ones that carries the bias
   * @return the matrix, widened to f64 without loss, to be closed by the caller
   * @throws InvalidMatrixFileException if there is no such tensor, or it is not a {@link
   *     Tensor#isMatrix matrix}
   * @throws InsufficientMemoryException if the matrix does not fit
   */
  public Matrix read(String name, boolean appendOnes) {
    return rows(name, appendOnes).load();
  }

  /**
   * Returns the rows of a matrix, which are read when they are asked for, while this file is open.
   *
   * @param name of the tensor
   * @param appendOnes whether to append the column of ones that carries the bias
   * @return the rows; closing them closes this file
   * @throws InvalidMatrixFileException as {@link #read} does
   */
  public StoredRows rows(String name, boolean appendOnes) {
    return new StoredRows(file, matrix(name), appendOnes);
  }

  /**
   * Returns the SHA-256 of a matrix's entries, in their own type, row by row and little-endian.
   *
   * @throws InvalidMatrixFileException as {@link #read}
   */
  public byte[] sha256(String name) {
    return matrix(name).sha256();
  }

  private StoredMatrix matrix(String name) {
    Tensor tensor =
        tensors.stream()
            .filter(each -> each.name().equals(name))
            .findFirst()
            .orElseThrow(() -> file.invalid("has no tensor '" + MatrixFile.printable(name) + "'"));
    ElementType type =
        ElementType.named(tensor.type())
            .orElseThrow(
                () ->
                    unusable(
                        tensor, "elements of type '" + MatrixFile.printable(tensor.type()) + "'"));
    if (!tensor.isMatrix()) {
      throw unusable(tensor, "shape " + tensor.shape());
    }
    return new StoredMatrix(
        file,
        dataStart + tensor.begin(),
        tensor.shape().get(0),
        tensor.shape().get(1),
        type,
        ByteOrder.LITTLE_ENDIAN,
        false);
  }

  private InvalidMatrixFileException unusable(Tensor tensor, String what) {
    return file.invalid(
        "tensor '"
            + MatrixFile.printable(tensor.name())
            + "' has "
            + what
            + "; two dimensions, neither of them 0, of "
            + ElementType.READABLE
            + " are read");
  }

  @Override
  public void close() {
    file.close();
  }
}
