package io.fullrank.certificate.backend.cuda;

import static org.bytedeco.cuda.global.cublas.CUBLAS_OP_N;

import io.fullrank.certificate.arithmetic.PrimeField;
import io.fullrank.certificate.backend.DenseLinearAlgebra;
import io.fullrank.certificate.backend.ResidueMatrix;
import io.fullrank.certificate.matrix.RowTiles;
import java.util.Arrays;
import org.bytedeco.javacpp.DoublePointer;

/**
 * Residues in the memory of the device, row-major, that is, as cuBLAS sees it, transposed.
 *
 * <p><b>Reduction</b> is that of {@link PrimeField}, operation by operation, and gives the same
 * residues: q̃ = fl(x·fl(1/p)); q = fl(q̃ + m) − m with m = 1.5·2^52, which rounds q̃ to the
 * nearest integer, as |q̃| &lt; 2^32 and the numbers from 2^52 to 2^53 are integers; x − q·p. In
 * the last step, q·p and the difference are integers of at most 2^53, and so not rounded, with or
 * without fused multiply-add. Each step is a call of its own, so that the libraries cannot contract
 * them.
 */
final class CudaResidues implements ResidueMatrix {

  /** 1.5·2^52. */
  private static final double ROUNDING = 0x1.8p52;

  private final CudaSession session;
  private final int rows;
  private final int columns;
  private final int threads;
  private final double p;
  private final double inverseOfP;
  private final DeviceDoubles entries;

  /** The number of entries that are reduced at a time. */
  private final long chunk;

  /** Room for a chunk or for a product of panel rows. */
  private final DeviceDoubles scratch;

  /** A chunk of ones. */
  private final DeviceDoubles ones;

  /** Room for a chunk in the memory of the host. */
  private final PinnedDoubles host;

  private CudaResidues(
      CudaSession session,
      int rows,
      int columns,
      int panelRows,
      int modulus,
      long chunkEntries,
      int threads) {
    this.session = session;
    this.rows = rows;
    this.columns = columns;
    this.threads = threads;
    this.p = modulus;
    this.inverseOfP = 1 / p;
    long count = (long) rows * columns;
    this.chunk = Math.max(columns, Math.min(count, chunkEntries));
    long scratchEntries = Math.max(chunk, (long) Math.min(rows, panelRows) * columns);
    String purpose = "a matrix of " + rows + " x " + columns + " residues";
    DeviceMemory.require((double) count + scratchEntries + chunk, purpose);
    this.entries = session.allocate(count, purpose);
    this.scratch = session.allocate(scratchEntries, purpose);
    this.ones = session.allocate(chunk, purpose);
    this.host = session.pin(chunk);
    double[] row = new double[columns];
    Arrays.fill(row, 1);
    for (long at = 0; at < chunk; at += columns) {
      host.at(at).put(row, 0, (int) Math.min(columns, chunk - at));
    }
    session.upload(ones.at(0, chunk), chunk, host.at(0), chunk, chunk, 1);
  }

  /**
   * Allocates, as {@link DenseLinearAlgebra#residues}.
   *
   * @param chunkEntries the number of entries to copy or reduce at a time
   * @param threads of the host
   */
  static CudaResidues allocate(
      int rows, int columns, int panelRows, int modulus, long chunkEntries, int threads) {
    return CudaSession.keepFor(
        session ->
            new CudaResidues(session, rows, columns, panelRows, modulus, chunkEntries, threads));
  }

  @Override
  public void write(int fromRow, int toRow, int fromColumn, int count, RowSource source) {
    if (count == 0) {
      return;
    }
    int height = (int) Math.min(rows, chunk / count);
    for (int row = fromRow; row < toRow; row += height) {
      int first = row;
      int end = Math.min(row + height, toRow);
      RowTiles.forEachPart(
          threads,
          first,
          end,
          count,
          (from, to) -> {
            double[] values = new double[count];
            for (int i = from; i < to; i++) {
              source.row(i, values);
              host.at((long) (i - first) * count).put(values, 0, count);
            }
          });
      session.upload(entry(first, fromColumn), columns, host.at(0), count, count, end - first);
    }
  }

  @Override
  public void read(int fromRow, int toRow, int fromColumn, int count, RowTarget target) {
    double[] values = new double[count];
    int height = count == 0 ? rows : (int) Math.min(rows, chunk / count);
    for (int row = fromRow; row < toRow; row += height) {
      int end = Math.min(row + height, toRow);
      if (count > 0) {
        session.download(host.at(0), count, entry(row, fromColumn), columns, count, end - row);
      }
      for (int i = row; i < end; i++) {
        host.at((long) (i - row) * count).get(values, 0, count);
        target.row(i, values);
      }
    }
  }

  @Override
  public void reduce(int fromRow, int toRow, int fromColumn, int toColumn) {
    int length = toColumn - fromColumn;
    if (length == 0) {
      return;
    }
    int height = (int) Math.min(rows, chunk / length);
    for (int row = fromRow; row < toRow; row += height) {
      reduce(entry(row, fromColumn), columns, length, Math.min(height, toRow - row));
    }
  }

  /** Reduces {@code count} pieces of {@code length} entries, a chunk at most. */
  private void reduce(DoublePointer values, long stride, int length, int count) {
    long total = (long) length * count;
    DoublePointer q = scratch.at(0, total);
    session.scale(CUBLAS_OP_N, length, count, inverseOfP, values, stride, q, length);
    session.addMultiple(total, ROUNDING, ones.at(0, total), q);
    session.addMultiple(total, -ROUNDING, ones.at(0, total), q);
    session.add(length, count, -p, q, length, values, stride);
  }

  @Override
  public void swapRows(int i, int k) {
    session.swap(columns, entry(i, 0), 1, entry(k, 0), 1);
  }

  @Override
  public void swapColumns(int i, int k) {
    session.swap(rows, entry(0, i), columns, entry(0, k), columns);
  }

  @Override
  public void multiplyPanel(int start, int size, int fromColumn, int toColumn) {
    int length = toColumn - fromColumn;
    if (length == 0) {
      return;
    }
    reduce(start, start + size, fromColumn, toColumn);
    DoublePointer product = scratch.at(0, (long) size * length);
    session.gemm(
        CUBLAS_OP_N,
        CUBLAS_OP_N,
        length,
        size,
        size,
        1,
        entry(start, fromColumn),
        columns,
        entry(start, start),
        columns,
        0,
        product,
        length);
    session.copy(entry(start, fromColumn), columns, product, length, length, size);
    reduce(start, start + size, fromColumn, toColumn);
  }

  @Override
  public void subtractProduct(
      int fromRow, int toRow, int fromColumn, int toColumn, int start, int size) {
    int length = toColumn - fromColumn;
    if (length == 0 || fromRow == toRow) {
      return;
    }
    session.gemm(
        CUBLAS_OP_N,
        CUBLAS_OP_N,
        length,
        toRow - fromRow,
        size,
        -1,
        entry(start, fromColumn),
        columns,
        entry(fromRow, start),
        columns,
        1,
        entry(fromRow, fromColumn),
        columns);
  }

  private DoublePointer entry(int row, int column) {
    return entries.at((long) row * columns + column, 1);
  }

  @Override
  public void close() {
    session.close();
  }
}
