package io.fullrank.checker.judgement;

import com.google.protobuf.ByteString;
import com.google.protobuf.UnsafeByteOperations;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.result.InsufficientMemoryException;
import io.fullrank.proto.Tensors;
import io.fullrank.proto.WireFormatException;
import io.fullrank.proto.WireFormatException.Fault;
import io.fullrank.proto.v1.DataType;
import io.fullrank.proto.v1.Tensor;
import java.nio.ByteBuffer;

/**
 * A matrix that is widened to f64, without loss, from the bytes of its entries: row-major and
 * little-endian, in pieces that are cut anywhere.
 */
public final class PiecewiseMatrix implements AutoCloseable {

  /** What is widened at a time. */
  private static final int MAX_STRETCH_BYTES = 1 << 20;

  private final DataType type;
  private final int entryBytes;
  private final long columns;
  private final long entries;
  private final boolean appendOnes;
  private final Matrix matrix;
  private long received;
  // The beginning of an entry whose end has not come yet.
  private ByteString rest = ByteString.EMPTY;

  private PiecewiseMatrix(
      DataType type, int entryBytes, long rows, long columns, boolean appendOnes) {
    this.type = type;
    this.entryBytes = entryBytes;
    this.columns = columns;
    this.entries = rows * columns;
    this.appendOnes = appendOnes;
    this.matrix = Matrix.allocate(rows, columns + (appendOnes ? 1 : 0));
  }

  /**
   * Allocates a matrix without entries.
   *
   * @param type of the entries
   * @param rows at least 1
   * @param columns at least 1, without the column of ones
   * @param appendOnes whether to append the column of ones that carries the bias
   * @throws IllegalArgumentException if the type is none
   * @throws InsufficientMemoryException if the matrix does not fit into memory
   */
  public static PiecewiseMatrix allocate(
      DataType type, long rows, long columns, boolean appendOnes) {
    return new PiecewiseMatrix(type, Tensors.bytesPerElement(type), rows, columns, appendOnes);
  }

  /**
   * Takes the next piece.
   *
   * @param piece (input) all that remains in it
   * @throws WireFormatException if there are more bytes than the matrix has
   */
  public void append(ByteBuffer piece) throws WireFormatException {
    ByteString bytes = rest.concat(UnsafeByteOperations.unsafeWrap(piece));
    if (received * entryBytes + bytes.size() > entries * entryBytes) {
      throw new WireFormatException(
          Fault.SHAPE_BYTES_MISMATCH,
          "more than the %d bytes that the header asks for".formatted(entries * entryBytes));
    }
    int whole = bytes.size() - bytes.size() % entryBytes;
    for (int from = 0; from < whole; from += MAX_STRETCH_BYTES) {
      put(bytes.substring(from, Math.min(from + MAX_STRETCH_BYTES, whole)));
    }
    rest = bytes.substring(whole);
  }

  /**
   * Returns the matrix, which is this object's to close.
   *
   * @throws WireFormatException if bytes are missing
   */
  public Matrix complete() throws WireFormatException {
    if (received < entries) {
      throw new WireFormatException(
          Fault.SHAPE_BYTES_MISMATCH,
          "%d bytes, the header asks for %d"
              .formatted(received * entryBytes + rest.size(), entries * entryBytes));
    }
    if (appendOnes) {
      matrix.fillColumn(columns, 1);
    }
    return matrix;
  }

  @Override
  public void close() {
    matrix.close();
  }

  private void put(ByteString stretch) throws WireFormatException {
    double[] values =
        Tensors.toDoubles(
            Tensor.newBuilder()
                .setType(type)
                .addShape(stretch.size() / entryBytes)
                .setData(stretch)
                .build());
    int from = 0;
    while (from < values.length) {
      long column = received % columns;
      int length = (int) Math.min(values.length - from, columns - column);
      matrix.setRow(received / columns, column, values, from, length);
      from += length;
      received += length;
    }
  }
}
