package io.fullrank.cli.proof;

import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.cli.failure.BadInputException;
import io.fullrank.cli.snapshot.TrainedNetwork;
import io.fullrank.proto.v1.DataType;
import io.fullrank.proto.v1.Snapshot;
import io.fullrank.proto.v1.Tensor;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * Writes the features of a snapshot, h_X(θ) without the column of ones, as an {@code .npy} file:
 * those that a program outside Fullrank sent, in their own type (bfloat16 widened to float32), or
 * those that are recomputed of the weights, as float32.
 */
final class SnapshotFeatures {

  private static final int HEADER_BYTES = 128;

  private SnapshotFeatures() {}

  /**
   * Writes the features.
   *
   * @param data the folder of data sets, for features that are recomputed
   * @throws BadInputException if the data, the network and the weights do not fit together
   */
  static void write(Snapshot snapshot, Path data, OutputStream out) throws IOException {
    if (snapshot.hasFeatures()) {
      writeSent(snapshot.getFeatures(), out);
    } else {
      writeComputed(snapshot, data, out);
    }
  }

  private static void writeSent(Tensor features, OutputStream out) throws IOException {
    if (features.getShapeCount() != 2) {
      throw new BadInputException("the features of the snapshot are not a matrix");
    }
    String type =
        switch (features.getType()) {
          case DATA_TYPE_FLOAT16 -> "<f2";
          case DATA_TYPE_BFLOAT16, DATA_TYPE_FLOAT32 -> "<f4";
          default -> "<f8";
        };
    writeHeader(type, features.getShape(0), features.getShape(1), out);
    if (features.getType() == DataType.DATA_TYPE_BFLOAT16) {
      // The upper half of a float32, which comes last in little-endian order.
      InputStream halves = features.getData().newInput();
      byte[] bytes = new byte[Float.BYTES];
      while (halves.readNBytes(bytes, 2, 2) == 2) {
        out.write(bytes);
      }
    } else {
      features.getData().writeTo(out);
    }
  }

  private static void writeComputed(Snapshot snapshot, Path folder, OutputStream out)
      throws IOException {
    try (Matrix features = TrainedNetwork.of(snapshot, folder).features()) {
      writeFloats(features, Math.toIntExact(features.columns() - 1), out);
    }
  }

  private static void writeFloats(Matrix features, int columns, OutputStream out)
      throws IOException {
    writeHeader("<f4", features.rows(), columns, out);
    double[] row = new double[columns];
    ByteBuffer bytes = ByteBuffer.allocate(columns * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    for (long i = 0; i < features.rows(); i++) {
      features.getRow(i, 0, row, 0, columns);
      bytes.clear();
      for (double value : row) {
        // Widened from float32, so that nothing is lost.
        bytes.putFloat((float) value);
      }
      out.write(bytes.array());
    }
  }

  private static void writeHeader(String type, long rows, long columns, OutputStream out)
      throws IOException {
    String text =
        "{'descr': '%s', 'fortran_order': False, 'shape': (%d, %d), }"
            .formatted(type, rows, columns);
    ByteBuffer header = ByteBuffer.allocate(HEADER_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    header.put((byte) 0x93).put("NUMPY\1\0".getBytes(StandardCharsets.ISO_8859_1));
    int length = HEADER_BYTES - header.position() - Short.BYTES;
    header.putShort((short) length);
    String padded = text + " ".repeat(length - 1 - text.length()) + "\n";
    header.put(padded.getBytes(StandardCharsets.US_ASCII));
    out.write(header.array());
  }
}
