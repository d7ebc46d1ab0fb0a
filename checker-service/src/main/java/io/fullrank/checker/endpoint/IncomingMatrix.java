package io.fullrank.checker.endpoint;

import com.google.protobuf.ByteString;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.result.InsufficientMemoryException;
import io.fullrank.checker.judgement.PiecewiseMatrix;
import io.fullrank.proto.WireFormatException;
import io.fullrank.proto.v1.DataType;
import io.fullrank.proto.v1.MatrixHeader;
import io.grpc.Status;
import io.grpc.StatusException;

/** A matrix that a client streams. */
final class IncomingMatrix implements AutoCloseable {

  private final PiecewiseMatrix matrix;

  private IncomingMatrix(PiecewiseMatrix matrix) {
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
    if (header.getType() == DataType.DATA_TYPE_UNSPECIFIED
        || header.getType() == DataType.UNRECOGNIZED) {
      throw invalid("header.type: unknown element type %d".formatted(header.getTypeValue()));
    }
    try {
      return new IncomingMatrix(
          PiecewiseMatrix.allocate(
              header.getType(), header.getRows(), header.getColumns(), header.getAppendOnes()));
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
    try {
      matrix.append(piece.asReadOnlyByteBuffer());
    } catch (WireFormatException tooMany) {
      throw invalid("data: " + tooMany.getMessage());
    }
  }

  /**
   * Returns the matrix, which is this object's to close.
   *
   * @throws StatusException INVALID_ARGUMENT if bytes are missing
   */
  Matrix complete() throws StatusException {
    try {
      return matrix.complete();
    } catch (WireFormatException tooFew) {
      throw invalid("data: " + tooFew.getMessage());
    }
  }

  @Override
  public void close() {
    matrix.close();
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
