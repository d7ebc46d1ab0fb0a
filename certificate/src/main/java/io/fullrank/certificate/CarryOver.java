package io.fullrank.certificate;

import io.fullrank.certificate.arithmetic.Upward;
import io.fullrank.certificate.examination.CertifiedBounds;
import io.fullrank.certificate.examination.Stopwatch;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.matrix.NativeDoubles;
import io.fullrank.certificate.matrix.RowTiles;
import io.fullrank.certificate.result.Certificate;
import io.fullrank.certificate.result.Finding;
import io.fullrank.certificate.result.InsufficientMemoryException;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.concurrent.atomic.AtomicBoolean;
import org.bytedeco.javacpp.FloatPointer;

/**
 * A certified matrix Φ, kept to certify matrices Φ' close to it by one pass over their entries.
 *
 * <p>What the distance ‖Φ' − Φ‖_F proves of Φ', {@link CertifiedBounds} says. It is always taken to
 * the matrix that was certified afresh; it does not add up over successive matrices.
 *
 * <p><b>Rounding.</b> The squares of a row's differences are summed up as {@link
 * Upward#sumOfSquares} says, and the sums of rows with every operation rounded upwards. An entry
 * that is NaN or infinite makes the distance NaN or infinite, and then nothing is carried over.
 *
 * <p>The copy takes half the memory of the matrix if all entries are f32 values, as the features of
 * a network in f32 are, and as much as the matrix otherwise. Not thread-safe.
 */
public final class CarryOver implements AutoCloseable {

  private static final int TILE_ROWS = 64;

  private final CertifiedBounds bounds;
  private final long rows;
  private final long columns;
  private final boolean single;
  private final NativeDoubles entries;

  private CarryOver(Matrix matrix, CertifiedBounds bounds, boolean single) {
    this.bounds = bounds;
    this.rows = matrix.rows();
    this.columns = matrix.columns();
    this.single = single;
    this.entries = NativeDoubles.allocate(rows, stride(columns, single), "a certified matrix");
  }

  /**
   * Copies a matrix that was certified.
   *
   * @param matrix (input) Φ, n × c
   * @param certificate the certificate of Φ
   * @param threads the largest number of threads to use
   * @return empty if there is nothing to carry over: no certified bound on σ_n
   * @throws InsufficientMemoryException if the copy does not fit
   */
  public static Optional<CarryOver> from(Matrix matrix, Certificate certificate, int threads) {
    return CertifiedBounds.of(certificate).map(bounds -> copy(matrix, bounds, threads));
  }

  /**
   * Copies a matrix whose bounds were proven elsewhere.
   *
   * @param matrix (input) Φ, n × c
   * @param sigmaMinLowerBound a proven lower bound on σ_n, positive and finite
   * @param sigmaMaxUpperBound a proven upper bound on σ_1, if there is one
   * @param threads the largest number of threads to use
   * @throws IllegalArgumentException if the lower bound is not positive and finite
   * @throws InsufficientMemoryException if the copy does not fit
   */
  public static CarryOver from(
      Matrix matrix, double sigmaMinLowerBound, OptionalDouble sigmaMaxUpperBound, int threads) {
    return copy(
        matrix,
        new CertifiedBounds(matrix.rows(), sigmaMinLowerBound, sigmaMaxUpperBound),
        threads);
  }

  private static CarryOver copy(Matrix matrix, CertifiedBounds bounds, int threads) {
    CarryOver single = new CarryOver(matrix, bounds, true);
    if (single.copySingles(matrix, threads)) {
      return single;
    }
    single.close();
    CarryOver full = new CarryOver(matrix, bounds, false);
    full.copyDoubles(matrix, threads);
    return full;
  }

  /** Returns the least number of bytes of native memory that the copy of a matrix can take. */
  public static long leastBytes(Matrix matrix) {
    return matrix.rows() * stride(matrix.columns(), true) * Double.BYTES;
  }

  /** Returns the number of bytes of native memory that this copy takes. */
  public long bytes() {
    return rows * stride(columns, single) * Double.BYTES;
  }

  /**
   * Certifies a matrix by its distance to this one.
   *
   * @param matrix (input) Φ', n × c
   * @param leastBound the smallest bound on σ_n with which the certificate is still of use
   * @param threads the largest number of threads to use
   * @return empty if the matrix has another shape, or is so far away that the bound on its smallest
   *     singular value would be 0 or below {@code leastBound}
   */
  public Optional<Certificate> certify(Matrix matrix, double leastBound, int threads) {
    if (matrix.rows() != rows || matrix.columns() != columns) {
      return Optional.empty();
    }
    Stopwatch time = new Stopwatch();
    double distance = distance(matrix, threads, bounds.sigmaMinLowerBound() - leastBound);
    Optional<Finding> finding = bounds.carriedOver(distance, leastBound, "the matrix");
    time.stage("distance");
    return finding.map(found -> RankCertification.certificate(found, matrix, "java", time));
  }

  /**
   * Returns an upper bound on ‖Φ' − Φ‖_F, exactly 0 for equal matrices; infinite or NaN if it turns
   * out to be above a limit.
   */
  private double distance(Matrix matrix, int threads, double limit) {
    int c = Math.toIntExact(columns);
    double limitOfSquares = limit * limit;
    double[] parts = new double[threads];
    RowTiles.forEach(
        threads,
        Math.toIntExact(rows),
        TILE_ROWS,
        (part, from, to) -> {
          double[] theirs = new double[c];
          double[] ours = new double[single ? 0 : c];
          float[] singles = new float[single ? c : 0];
          double sum = parts[part];
          for (int i = from; i < to && !(sum > limitOfSquares); i++) {
            matrix.getRow(i, 0, theirs, 0, c);
            if (single) {
              subtractSingles(i, theirs, singles);
            } else {
              subtractDoubles(i, theirs, ours);
            }
            double squares = Upward.sumOfSquares(theirs);
            sum = squares == 0 ? sum : Upward.add(sum, squares);
          }
          parts[part] = sum;
        });
    double sum = 0;
    for (double part : parts) {
      sum = part == 0 ? sum : Upward.add(sum, part);
    }
    if (sum > limitOfSquares) {
      return Double.POSITIVE_INFINITY;
    }
    return sum == 0 ? 0 : Upward.squareRoot(sum);
  }

  private void subtractSingles(int row, double[] values, float[] singles) {
    long start = row * stride(columns, true);
    new FloatPointer(entries.pointer().getPointer(start)).get(singles, 0, singles.length);
    for (int j = 0; j < singles.length; j++) {
      values[j] -= singles[j];
    }
  }

  private void subtractDoubles(int row, double[] values, double[] doubles) {
    entries.pointer().getPointer(row * columns).get(doubles, 0, doubles.length);
    for (int j = 0; j < doubles.length; j++) {
      values[j] -= doubles[j];
    }
  }

  /** Copies f32 values; returns false, with an incomplete copy, if an entry is not one. */
  private boolean copySingles(Matrix matrix, int threads) {
    int c = Math.toIntExact(columns);
    AtomicBoolean exact = new AtomicBoolean(true);
    RowTiles.forEach(
        threads,
        Math.toIntExact(rows),
        TILE_ROWS,
        (part, from, to) -> {
          double[] row = new double[c];
          float[] singles = new float[c];
          for (int i = from; i < to && exact.get(); i++) {
            matrix.getRow(i, 0, row, 0, c);
            boolean same = true;
            for (int j = 0; j < c; j++) {
              singles[j] = (float) row[j];
              same &= singles[j] == row[j];
            }
            if (!same) {
              exact.set(false);
            }
            long start = i * stride(columns, single);
            new FloatPointer(entries.pointer().getPointer(start)).put(singles, 0, c);
          }
        });
    return exact.get();
  }

  private void copyDoubles(Matrix matrix, int threads) {
    int c = Math.toIntExact(columns);
    RowTiles.forEach(
        threads,
        Math.toIntExact(rows),
        TILE_ROWS,
        (part, from, to) -> {
          double[] row = new double[c];
          for (int i = from; i < to; i++) {
            matrix.getRow(i, 0, row, 0, c);
            entries.pointer().getPointer(i * columns).put(row, 0, c);
          }
        });
  }

  /** Returns the number of f64 that a row of the copy takes. */
  private static long stride(long columns, boolean single) {
    return single ? (columns + 1) / 2 : columns;
  }

  @Override
  public void close() {
    entries.close();
  }
}
