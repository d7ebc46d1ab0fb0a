package io.fullrank.certificate.examination;

import io.fullrank.certificate.matrix.RowTiles;
import io.fullrank.certificate.matrix.Rows;
import io.fullrank.certificate.result.Cancellation;
import io.fullrank.certificate.result.CertificateMethod;
import io.fullrank.certificate.result.CertificationCancelledException;
import io.fullrank.certificate.result.Finding;
import io.fullrank.certificate.result.IdenticalRows;
import io.fullrank.certificate.result.NonFiniteEntryException;
import io.fullrank.certificate.result.Outcome;
import io.fullrank.certificate.result.Progress;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * What one pass over the rows shows: whether the shape, a zero row or two identical rows rule out
 * full row rank, and how large each row is.
 *
 * @param refutation present if the structure shows that the rank is below n
 * @param rankLowerBound 1, or 0 if every entry is 0
 * @param rowExponents for each row the e with 2^(e−1) ≤ max|φ_ij| &lt; 2^e, and 0 for a zero row
 */
public record RowStructure(Optional<Finding> refutation, long rankLowerBound, int[] rowExponents) {

  private static final int TILE_ROWS = 64;

  /**
   * Reads the whole matrix once.
   *
   * @param threads the largest number of threads to use
   * @param progress is told how many rows have been read
   * @param cancellation is asked between blocks of work
   * @throws NonFiniteEntryException if an entry is NaN or infinite
   * @throws CertificationCancelledException if cancelled
   */
  public static RowStructure of(
      Rows matrix, int threads, Progress progress, Cancellation cancellation) {
    if (Math.max(matrix.rows(), matrix.columns()) > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          matrix.rows()
              + " x "
              + matrix.columns()
              + " has more rows or columns than can be certified, "
              + Integer.MAX_VALUE);
    }
    int n = (int) matrix.rows();
    int c = (int) matrix.columns();
    RowFacts[] facts = new RowFacts[n];
    AtomicInteger read = new AtomicInteger();
    RowTiles.forEach(
        threads,
        n,
        Math.max(TILE_ROWS, matrix.rowsTogether()),
        (part, from, to) -> {
          double[] row = new double[c];
          for (int i = from; i < to; i++) {
            cancellation.check();
            matrix.getRow(i, 0, row, 0, c);
            facts[i] = RowFacts.of(row, 0, c);
          }
          progress.report("structure", read.addAndGet(to - from), n);
        });
    int zeroRow = -1;
    boolean nonzero = false;
    int[] exponents = new int[n];
    for (int i = 0; i < n; i++) {
      if (!facts[i].isFinite()) {
        throw nonFiniteEntry(matrix, i);
      }
      if (facts[i].isZero()) {
        zeroRow = zeroRow < 0 ? i : zeroRow;
      } else {
        nonzero = true;
        exponents[i] = facts[i].exponent();
      }
    }
    Optional<String> reason;
    if (c < n) {
      reason = Optional.of("a matrix of " + c + " columns cannot have rank " + n + ", one per row");
    } else if (zeroRow >= 0) {
      reason = Optional.of("row " + zeroRow + " is zero");
    } else {
      reason =
          identicalRows(matrix, Arrays.stream(facts).mapToLong(RowFacts::hash).toArray())
              .map(rows -> "rows " + rows.first() + " and " + rows.second() + " are identical");
    }
    long rankLowerBound = nonzero ? 1 : 0;
    return new RowStructure(
        reason.map(text -> refutation(rankLowerBound, text)), rankLowerBound, exponents);
  }

  /** Returns two identical rows of a matrix, if there are any: those that a refutation names. */
  public static Optional<IdenticalRows> identicalRows(Rows matrix) {
    double[] row = new double[Math.toIntExact(matrix.columns())];
    long[] hashes = new long[Math.toIntExact(matrix.rows())];
    for (int i = 0; i < hashes.length; i++) {
      matrix.getRow(i, 0, row, 0, row.length);
      hashes[i] = RowFacts.of(row, 0, row.length).hash();
    }
    return identicalRows(matrix, hashes);
  }

  private static Optional<IdenticalRows> identicalRows(Rows matrix, long[] hashes) {
    int c = (int) matrix.columns();
    double[] row = new double[c];
    double[] earlierRow = new double[c];
    Map<Long, List<Integer>> rowsByHash = new HashMap<>(2 * hashes.length);
    for (int i = 0; i < hashes.length; i++) {
      List<Integer> candidates = rowsByHash.computeIfAbsent(hashes[i], h -> new ArrayList<>(1));
      for (int earlier : candidates) {
        matrix.getRow(earlier, 0, earlierRow, 0, c);
        matrix.getRow(i, 0, row, 0, c);
        if (RowFacts.sameNumbers(earlierRow, row, c)) {
          return Optional.of(new IdenticalRows(earlier, i));
        }
      }
      candidates.add(i);
    }
    return Optional.empty();
  }

  private static Finding refutation(long rankLowerBound, String reason) {
    return new Finding(
        Outcome.REFUTED,
        CertificateMethod.STRUCTURE,
        OptionalDouble.empty(),
        OptionalDouble.empty(),
        OptionalDouble.empty(),
        rankLowerBound,
        OptionalDouble.of(0),
        Optional.empty(),
        reason);
  }

  private static NonFiniteEntryException nonFiniteEntry(Rows matrix, int row) {
    double[] entries = new double[(int) matrix.columns()];
    matrix.getRow(row, 0, entries, 0, entries.length);
    int column = 0;
    while (Double.isFinite(entries[column])) {
      column++;
    }
    return new NonFiniteEntryException(row, column, entries[column]);
  }
}
