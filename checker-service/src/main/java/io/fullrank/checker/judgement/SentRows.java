package io.fullrank.checker.judgement;

import com.google.protobuf.ByteString;
import io.fullrank.certificate.matrix.Rows;
import io.fullrank.proto.Tensors;
import io.fullrank.proto.WireFormatException;
import io.fullrank.proto.v1.DataType;
import io.fullrank.proto.v1.Tensor;
import java.util.Objects;

/**
 * The rows of a matrix where they lie in a message, row-major and little-endian, followed by a
 * column of ones; each is widened to f64, without loss, when it is read.
 */
final class SentRows implements Rows {

  private final DataType type;
  private final long rows;
  private final long sentColumns;
  private final ByteString data;

  /**
   * Reads nothing yet.
   *
   * @param matrix of two dimensions
   * @throws IllegalArgumentException if the type is none, or the bytes are not those of the shape
   */
  SentRows(Tensor matrix) {
    this.type = matrix.getType();
    this.rows = matrix.getShape(0);
    this.sentColumns = matrix.getShape(1);
    this.data = matrix.getData();
    // Not exact beyond 2^53, where no message is that long.
    double expected = (double) rows * sentColumns * Tensors.bytesPerElement(type);
    if (rows < 1 || sentColumns < 1 || data.size() != expected) {
      throw new IllegalArgumentException(
          "%d bytes are no %s of shape %d x %d".formatted(data.size(), type, rows, sentColumns));
    }
  }

  @Override
  public long rows() {
    return rows;
  }

  @Override
  public long columns() {
    return sentColumns + 1;
  }

  @Override
  public void getRow(long row, long fromColumn, double[] into, int offset, int length) {
    Objects.checkIndex(row, rows());
    Objects.checkFromIndexSize(fromColumn, length, columns());
    Objects.checkFromIndexSize(offset, length, into.length);
    int sent = (int) Math.min(length, Math.max(0, sentColumns - fromColumn));
    if (sent > 0) {
      int bytes = Tensors.bytesPerElement(type);
      int from = Math.toIntExact((row * sentColumns + fromColumn) * bytes);
      Tensor part =
          Tensor.newBuilder()
              .setType(type)
              .addShape(sent)
              .setData(data.substring(from, from + sent * bytes))
              .build();
      try {
        System.arraycopy(Tensors.toDoubles(part), 0, into, offset, sent);
      } catch (WireFormatException impossible) {
        throw new IllegalStateException(impossible);
      }
    }
    if (sent < length) {
      into[offset + sent] = 1;
    }
  }
}
