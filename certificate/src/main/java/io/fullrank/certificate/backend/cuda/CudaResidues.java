package io.fullrank.certificate.backend.cuda;

import static org.bytedeco.cuda.global.cublas.CUBLAS_OP_N;

import io.fullrank.certificate.arithmetic.PrimeField;
import io.fullrank.certificate.backend.DenseLinearAlgebra;
import io.fullrank.certificate.backend.ResidueMatrix;
import io.fullrank.certificate.matrix.RowTiles;
import java.util.Arrays;
import java.util.Optional;
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

  private static final double HALF = 0x1p13;

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

  /** Room for the factors of a product modulo a wide prime. */
  private final Optional<Halves> halves;

  /**
   * Halves, as {@link PrimeField} has them.
   *
   * @param lower a panel's columns
   * @param upper a panel's columns
   * @param shifted a panel's rows times 2^13, reduced
   */
  private record Halves(DeviceDoubles lower, DeviceDoubles upper, DeviceDoubles shifted) {}

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
    boolean wide = new PrimeField(modulus).isWide();
    int panel = Math.min(rows, panelRows);
    double forHalves = wide ? 2.0 * rows * panel + (double) panel * columns : 0;
    DeviceMemory.require(count + scratchEntries + chunk + forHalves, purpose);
    this.entries = session.allocate(count, purpose);
    this.scratch = session.allocate(scratchEntries, purpose);
    this.ones = session.allocate(chunk, purpose);
    this.host = session.pin(chunk);
    this.halves =
        wide
            ? Optional.of(
                new Halves(
                    session.allocate((long) rows * panel, purpose),
                    session.allocate((long) rows * panel, purpose),
                    session.allocate((long) panel * columns, purpose)))
            : Optional.empty();
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
    if (halves.isPresent()) {
      split(start, start + size, fromColumn, length, start, size);
    }
    DoublePointer product = scratch.at(0, (long) size * length);
    multiply(start, size, fromColumn, length, start, size, 1, 0, product, length);
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
    if (halves.isPresent()) {
      split(fromRow, toRow, fromColumn, length, start, size);
    }
    multiply(
        fromRow,
        toRow - fromRow,
        fromColumn,
        length,
        start,
        size,
        -1,
        1,
        entry(fromRow, fromColumn),
        columns);
  }

  /**
   * Adds a multiple of the product of {@code size} columns of some rows, from {@code start} on, and
   * of {@code size} rows, from {@code start} on, to a multiple of a target: by their halves, which
   * have to be there, where the prime is wide.
   */
  private void multiply(
      int fromRow,
      int count,
      int fromColumn,
      int length,
      int start,
      int size,
      double factor,
      double factorOfTarget,
      DoublePointer target,
      long stride) {
    DoublePointer right = entry(start, fromColumn);
    if (halves.isEmpty()) {
      gemm(
          length,
          count,
          size,
          factor,
          right,
          columns,
          entry(fromRow, start),
          columns,
          factorOfTarget,
          target,
          stride);
      return;
    }
    Halves room = halves.get();
    long entriesOfLeft = (long) count * size;
    gemm(
        length,
        count,
        size,
        factor,
        right,
        columns,
        room.lower().at(0, entriesOfLeft),
        size,
        factorOfTarget,
        target,
        stride);
    gemm(
        length,
        count,
        size,
        factor,
        room.shifted().at(0, (long) size * length),
        length,
        room.upper().at(0, entriesOfLeft),
        size,
        1,
        target,
        stride);
  }

  private void gemm(
      int length,
      int count,
      int size,
      double factor,
      DoublePointer right,
      long rightStride,
      DoublePointer left,
      long leftStride,
      double factorOfTarget,
      DoublePointer target,
      long stride) {
    session.gemm(
        CUBLAS_OP_N,
        CUBLAS_OP_N,
        length,
        count,
        size,
        factor,
        right,
        rightStride,
        left,
        leftStride,
        factorOfTarget,
        target,
        stride);
  }

  /** Computes the halves of columns of some rows, and rows times 2^13. */
  private void split(int fromRow, int toRow, int fromColumn, int length, int start, int size) {
    Halves room = halves.get();
    int height = (int) Math.min(rows, chunk / size);
    for (int row = fromRow; row < toRow; row += height) {
      int count = Math.min(height, toRow - row);
      long total = (long) count * size;
      long at = (long) (row - fromRow) * size;
      DoublePointer upper = room.upper().at(at, total);
      DoublePointer lower = room.lower().at(at, total);
      session.scale(CUBLAS_OP_N, size, count, 1 / HALF, entry(row, start), columns, upper, size);
      session.addMultiple(total, ROUNDING, ones.at(0, total), upper);
      session.addMultiple(total, -ROUNDING, ones.at(0, total), upper);
      session.copy(lower, size, entry(row, start), columns, size, count);
      session.add(size, count, -HALF, upper, size, lower, size);
    }
    int panelHeight = (int) Math.min(size, chunk / length);
    for (int row = 0; row < size; row += panelHeight) {
      int count = Math.min(panelHeight, size - row);
      DoublePointer shifted = room.shifted().at((long) row * length, (long) count * length);
      session.scale(
          CUBLAS_OP_N,
          length,
          count,
          HALF,
          entry(start + row, fromColumn),
          columns,
          shifted,
          length);
      reduce(shifted, length, length, count);
    }
  }

  private DoublePointer entry(int row, int column) {
    return entries.at((long) row * columns + column, 1);
  }

  @Override
  public void close() {
    session.close();
  }
}
