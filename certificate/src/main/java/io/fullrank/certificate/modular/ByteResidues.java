package io.fullrank.certificate.modular;

import io.fullrank.certificate.matrix.FloatBlock;
import io.fullrank.certificate.matrix.NativeBytes;
import io.fullrank.certificate.matrix.RowTiles;
import java.util.List;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.indexer.ByteIndexer;

/** A matrix of residues modulo a small prime, row-major, one byte each. */
final class ByteResidues implements AutoCloseable {

  private final int rows;
  private final int columns;
  private final NativeBytes memory;
  private final ByteIndexer indexer;

  /** Two columns that are swapped. */
  record Swap(int first, int second) {}

  ByteResidues(int rows, int columns) {
    this.rows = rows;
    this.columns = columns;
    this.memory = NativeBytes.allocate((long) rows * columns, "a matrix of residues");
    BytePointer bytes = memory.bytes(0);
    bytes.capacity((long) rows * columns);
    this.indexer = ByteIndexer.create(bytes);
  }

  private BytePointer at(int row, int column) {
    return memory.bytes((long) row * columns + column);
  }

  void setRow(int row, byte[] residues, int length) {
    at(row, 0).put(residues, 0, length);
  }

  /** Copies a part of a row into f32 numbers, from index 0 on, by way of some bytes. */
  void getRow(int row, int fromColumn, int length, byte[] scratch, float[] into) {
    at(row, fromColumn).get(scratch, 0, length);
    for (int j = 0; j < length; j++) {
      into[j] = scratch[j];
    }
  }

  /** Replaces a part of a row by residues, by way of some bytes. */
  void setRow(int row, int fromColumn, int length, float[] residues, byte[] scratch) {
    for (int j = 0; j < length; j++) {
      scratch[j] = (byte) residues[j];
    }
    at(row, fromColumn).put(scratch, 0, length);
  }

  /** Copies a rectangle, from a row and a column on, into a block of the same size. */
  void get(int fromRow, int fromColumn, FloatBlock into) {
    byte[] bytes = new byte[into.columns()];
    float[] row = new float[into.columns()];
    for (int i = 0; i < into.rows(); i++) {
      getRow(fromRow + i, fromColumn, row.length, bytes, row);
      into.setRow(i, 0, row, row.length);
    }
  }

  void swapRows(int i, int k) {
    byte[] first = new byte[columns];
    byte[] second = new byte[columns];
    at(i, 0).get(first, 0, columns);
    at(k, 0).get(second, 0, columns);
    at(i, 0).put(second, 0, columns);
    at(k, 0).put(first, 0, columns);
  }

  /** Swaps columns in all rows, one pair after the other. */
  void swapColumns(List<Swap> swaps, int threads) {
    RowTiles.forEachPart(
        threads,
        0,
        rows,
        64L * swaps.size(),
        (from, to) -> {
          for (int i = from; i < to; i++) {
            long start = (long) i * columns;
            for (Swap swap : swaps) {
              byte residue = indexer.get(start + swap.first);
              indexer.put(start + swap.first, indexer.get(start + swap.second));
              indexer.put(start + swap.second, residue);
            }
          }
        });
  }

  @Override
  public void close() {
    memory.close();
  }
}
