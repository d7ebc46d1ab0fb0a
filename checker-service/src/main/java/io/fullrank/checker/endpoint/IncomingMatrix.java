package io.fullrank.checker.endpoint;

import com.google.protobuf.ByteString;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.result.InsufficientMemoryException;
import io.fullrank.proto.Tensors;
import io.fullrank.proto.WireFormatException;
import io.fullrank.proto.v1.DataType;
import io.fullrank.proto.v1.MatrixHeader;
import io.fullrank.proto.v1.Tensor;
import io.grpc.Status;
import io.grpc.StatusException;

/** A matrix whose entries arrive in pieces, row-major and little-endian, cut anywhere. */
final class IncomingMatrix implements AutoCloseable {

  private final DataType type;
  private final int elementBytes;
  private final long columns;
  private final long elements;
  private final boolean appendOnes;
  private final Matrix matrix;
  private long received;
  // The beginning of an element whose end has not come yet.
  private ByteString rest = ByteString.EMPTY;

  private IncomingMatrix(MatrixHeader header, int elementBytes, Matrix matrix) {
    this.type = header.getType();
    this.elementBytes = elementBytes;
    this.columns = header.getColumns();
    this.elements = header.getRows() * columns;
    this.appendOnes = header.getAppendOnes();
    this.matrix = matrix;
  }

  /**
   * Returns the bytes that the matrix takes as float64.
   *
   * @throws StatusException INVALID_ARGUMENT naming the field, if there is no such matrix
   */
  static long bytes(MatrixHeader header) throws StatusException {
    requirePositive("header.rows", header.getRows());
    requirePositive("header.columns", header.getColumns());
    try {
      long columns = Math.addExact(header.getColumns(), header.getAppendOnes() ? 1 : 0);
      return Math.multiplyExact(Math.multiplyExact(header.getRows(), columns), Double.BYTES);
    } catch (ArithmeticException overflow) {
      throw invalid(
          "header.rows, header.columns: %d x %d entries are more than can be addressed"
              .formatted(header.getRows(), header.getColumns()));
    }
  }

  /**
   * Allocates the matrix.
   *
   * @throws StatusException INVALID_ARGUMENT naming the field, or RESOURCE_EXHAUSTED if it does not
   *     fit into memory
   */
  static IncomingMatrix allocate(MatrixHeader header) throws StatusException {
    bytes(header);
    int elementBytes =
        switch (header.getType()) {
          case DATA_TYPE_FLOAT16, DATA_TYPE_BFLOAT16 -> Short.BYTES;
          case DATA_TYPE_FLOAT32 -> Float.BYTES;
          case DATA_TYPE_FLOAT64 -> Double.BYTES;
          case DATA_TYPE_UNSPECIFIED, UNRECOGNIZED ->
              throw invalid(
                  "header.type: unknown element type %d".formatted(header.getTypeValue()));
        };
    try {
      return new IncomingMatrix(
          header,
          elementBytes,
          Matrix.allocate(
              header.getRows(), header.getColumns() + (header.getAppendOnes() ? 1 : 0)));
    } catch (InsufficientMemoryException tooLarge) {
      throw Status.RESOURCE_EXHAUSTED
          .withDescription(tooLarge.getMessage())
          .withCause(tooLarge)
          .asException();
    }
  }

  /**
   * Takes the next piece.
   *
   * @throws StatusException INVALID_ARGUMENT if there are more bytes than the header asks for
   */
  void append(ByteString piece) throws StatusException {
    ByteString bytes = rest.concat(piece);
    int whole = bytes.size() / elementBytes;
    boolean partial = bytes.size() % elementBytes != 0;
    if (received + whole + (partial ? 1 : 0) > elements) {
      throw invalid(
          "data: more than the %d bytes that the header asks for"
              .formatted(elements * elementBytes));
    }
    put(values(bytes.substring(0, whole * elementBytes), whole));
    rest = bytes.substring(whole * elementBytes);
  }

  /**
   * Returns the matrix, which is this object's to close.
   *
   * @throws StatusException INVALID_ARGUMENT if bytes are missing
   */
  Matrix complete() throws StatusException {
    if (received < elements) {
      throw invalid(
          "data: %d bytes, the header asks for %d"
              .formatted(received * elementBytes + rest.size(), elements * elementBytes));
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

  private double[] values(ByteString bytes, int count) throws StatusException {
    try {
      return Tensors.toDoubles(
          Tensor.newBuilder().setName("data").setType(type).addShape(count).setData(bytes).build());
    } catch (WireFormatException malformed) {
      throw Status.INVALID_ARGUMENT
          .withDescription(malformed.getMessage())
          .withCause(malformed)
          .asException();
    }
  }

  private void put(double[] values) {
    int from = 0;
    while (from < values.length) {
      long column = received % columns;
      int length = (int) Math.min(values.length - from, columns - column);
      matrix.setRow(received / columns, column, values, from, length);
      from += length;
      received += length;
    }
  }

  private static void requirePositive(String field, long value) throws StatusException {
    if (value == 0) {
      throw invalid(field + ": 0, must be at least 1");
    }
    if (value < 0) {
      throw invalid(
          "%s: %s is more than can be addressed".formatted(field, Long.toUnsignedString(value)));
    }
  }

  private static StatusException invalid(String message) {
    return Status.INVALID_ARGUMENT.withDescription(message).asException();
  }
}
