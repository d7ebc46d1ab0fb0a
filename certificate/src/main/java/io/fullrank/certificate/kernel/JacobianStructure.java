package io.fullrank.certificate.kernel;

import io.fullrank.certificate.examination.RowFacts;
import io.fullrank.certificate.matrix.RowTiles;
import io.fullrank.certificate.matrix.Rows;
import io.fullrank.certificate.result.Cancellation;
import io.fullrank.certificate.result.CertificateMethod;
import io.fullrank.certificate.result.CertificationCancelledException;
import io.fullrank.certificate.result.Finding;
import io.fullrank.certificate.result.NonFiniteEntryException;
import io.fullrank.certificate.result.Outcome;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * What one pass over the factors of a Jacobian shows: whether full row rank is ruled out, and how
 * large each row is.
 *
 * <p><b>Refutations</b>, all of them proofs. J has fewer columns than rows. A row is zero in every
 * layer, where δ_ik or (a_i, 1) is 0. Two rows have the same factors in every layer. Or the rank is
 * too small: as every row of a Khatri–Rao product lies in the tensor product of the row spaces of
 * its factors, rank J_l ≤ rank Δ · rank [A, 1], and a matrix has no larger rank than rows, or than
 * columns that are not 0: units that are dead for all examples reduce it.
 *
 * @param refutation present if the structure shows that the rank is below nK
 * @param rowExponents for each row the largest of its layers' e_ik + f_i, and 0 for a zero row
 * @param inputExponents for each layer, in the order of the Jacobian, f: 2^(f−1) ≤ max|(a_i, 1)|
 *     &lt; 2^f for each example, and {@link #ZERO} where that is 0; empty for explicit rows, which
 *     have e alone
 */
record JacobianStructure(
    Optional<Finding> refutation, int[] rowExponents, List<int[]> inputExponents) {

  /** The exponent of (a_i, 1) where that is 0. */
  static final int ZERO = Integer.MIN_VALUE;

  private static final int TILE = 64;

  /** Columns of explicit rows that are looked at together. */
  static final int CHUNK = 1 << 12;

  /** What the rows of a matrix show, and how many of its columns are not 0. */
  private record Scan(RowFacts[] rows, int nonzeroColumns) {}

  /**
   * Reads all factors once.
   *
   * @param threads the largest number of threads to use
   * @param cancellation is asked between blocks of work
   * @throws NonFiniteEntryException if an entry is NaN or infinite
   * @throws CertificationCancelledException if cancelled
   */
  static JacobianStructure of(FactoredJacobian jacobian, int threads, Cancellation cancellation) {
    int n = jacobian.rows();
    int outputs = jacobian.outputs();
    int[] exponents = new int[n];
    Arrays.fill(exponents, Integer.MIN_VALUE);
    RowFacts[] combined = new RowFacts[n];
    Arrays.fill(combined, new RowFacts(0, 0));
    List<int[]> inputExponents = new ArrayList<>();
    double rank = 0;
    for (LayerJacobian layer : jacobian.layers()) {
      RowFacts[] parts = new RowFacts[n];
      int[] own = new int[n];
      if (layer instanceof KhatriRaoRows factors) {
        Scan inputs = scan(factors.inputs(), "inputs", layer, threads, cancellation);
        Scan deltas =
            scan(factors.outputGradients(), "output gradients", layer, threads, cancellation);
        int[] inputExponent = new int[jacobian.examples()];
        for (int i = 0; i < inputExponent.length; i++) {
          RowFacts a = withBias(inputs.rows[i], factors.bias());
          inputExponent[i] = a.isZero() ? ZERO : a.exponent();
          for (int row = i * outputs; row < (i + 1) * outputs; row++) {
            RowFacts delta = deltas.rows[row];
            boolean zero = a.isZero() || delta.isZero();
            own[row] = zero ? 0 : delta.exponent() + inputExponent[i];
            parts[row] = zero ? new RowFacts(0, 0) : delta.followedBy(a);
          }
        }
        inputExponents.add(inputExponent);
        int inputColumns = inputs.nonzeroColumns + (factors.bias() ? 1 : 0);
        rank +=
            Math.min(
                n, (double) deltas.nonzeroColumns * Math.min(inputColumns, jacobian.examples()));
      } else if (layer instanceof ExplicitRows explicit) {
        Scan rows = scan(explicit, jacobian, threads, cancellation);
        for (int row = 0; row < n; row++) {
          parts[row] = rows.rows[row];
          own[row] = parts[row].isZero() ? 0 : parts[row].exponent();
        }
        inputExponents.add(new int[0]);
        rank += Math.min(n, rows.nonzeroColumns);
      }
      for (int row = 0; row < n; row++) {
        combined[row] = combined[row].followedBy(parts[row]);
        if (!parts[row].isZero()) {
          exponents[row] = Math.max(exponents[row], own[row]);
        }
      }
    }
    Optional<Finding> refutation = refutation(jacobian, combined, rank);
    for (int row = 0; row < n; row++) {
      exponents[row] = combined[row].isZero() ? 0 : exponents[row];
    }
    return new JacobianStructure(refutation, exponents, inputExponents);
  }

  private static RowFacts withBias(RowFacts inputs, boolean bias) {
    return bias ? new RowFacts(Math.max(inputs.largest(), 1), inputs.hash()) : inputs;
  }

  private static Optional<Finding> refutation(
      FactoredJacobian jacobian, RowFacts[] rows, double rank) {
    int n = rows.length;
    int zero = 0;
    while (zero < n && !rows[zero].isZero()) {
      zero++;
    }
    boolean nonzero = Arrays.stream(rows).anyMatch(row -> !row.isZero());
    Optional<String> reason = Optional.empty();
    if (jacobian.columns() < n) {
      reason =
          Optional.of(
              "a matrix of "
                  + jacobian.columns()
                  + " columns, one per parameter, cannot have rank "
                  + n
                  + ", one per output of an example");
    } else if (zero < n) {
      reason = Optional.of(named(jacobian, zero) + " is zero");
    } else if (rank < n) {
      reason =
          Optional.of(
              String.format(
                  Locale.ROOT,
                  "its layers' factors have so many columns of zeros that the rank is at most %.0f,"
                      + " below the %d rows",
                  rank,
                  n));
    } else {
      reason = identicalRows(jacobian, rows);
    }
    return reason.map(
        text ->
            new Finding(
                Outcome.REFUTED,
                CertificateMethod.STRUCTURE,
                OptionalDouble.empty(),
                OptionalDouble.empty(),
                OptionalDouble.empty(),
                nonzero ? 1 : 0,
                OptionalDouble.of(0),
                Optional.empty(),
                text));
  }

  private static Optional<String> identicalRows(FactoredJacobian jacobian, RowFacts[] rows) {
    Map<Long, List<Integer>> byHash = new HashMap<>(2 * rows.length);
    for (int row = 0; row < rows.length; row++) {
      List<Integer> earlier = byHash.computeIfAbsent(rows[row].hash(), hash -> new ArrayList<>(1));
      for (int other : earlier) {
        if (sameFactors(jacobian, other, row)) {
          return Optional.of(
              named(jacobian, other) + " and " + named(jacobian, row) + " are identical");
        }
      }
      earlier.add(row);
    }
    return Optional.empty();
  }

  /** Returns whether two rows have the same factors, so that they are the same. */
  private static boolean sameFactors(FactoredJacobian jacobian, int first, int second) {
    int outputs = jacobian.outputs();
    for (LayerJacobian layer : jacobian.layers()) {
      boolean same =
          layer instanceof KhatriRaoRows factors
              ? sameRows(factors.inputs(), first / outputs, second / outputs)
                  && sameRows(factors.outputGradients(), first, second)
              : sameRows((ExplicitRows) layer, first, second, outputs);
      if (!same) {
        return false;
      }
    }
    return true;
  }

  private static boolean sameRows(Rows matrix, int first, int second) {
    int c = (int) matrix.columns();
    double[] a = new double[c];
    double[] b = new double[c];
    matrix.getRow(first, 0, a, 0, c);
    matrix.getRow(second, 0, b, 0, c);
    return RowFacts.sameNumbers(a, b, c);
  }

  private static boolean sameRows(ExplicitRows layer, int first, int second, int outputs) {
    int c = (int) layer.columns();
    double[] a = new double[outputs * Math.min(c, CHUNK)];
    double[] b = new double[a.length];
    for (int from = 0; from < c; from += CHUNK) {
      int length = Math.min(CHUNK, c - from);
      layer.rows().rows(first / outputs, from, length, a);
      layer.rows().rows(second / outputs, from, length, b);
      for (int j = 0; j < length; j++) {
        if (a[first % outputs * length + j] != b[second % outputs * length + j]) {
          return false;
        }
      }
    }
    return true;
  }

  private static String named(FactoredJacobian jacobian, int row) {
    return "the row of output "
        + row % jacobian.outputs()
        + " of example "
        + row / jacobian.outputs();
  }

  private static Scan scan(
      Rows matrix, String what, LayerJacobian layer, int threads, Cancellation cancellation) {
    int c = (int) matrix.columns();
    RowFacts[] facts = new RowFacts[(int) matrix.rows()];
    boolean[][] nonzero = new boolean[threads][c];
    RowTiles.forEach(
        threads,
        facts.length,
        TILE,
        (part, from, to) -> {
          cancellation.check();
          double[] row = new double[c];
          for (int i = from; i < to; i++) {
            matrix.getRow(i, 0, row, 0, c);
            facts[i] = RowFacts.of(row, 0, c);
            if (!facts[i].isFinite()) {
              throw nonFinite(what, layer, i, 0, row, 0);
            }
            mark(row, 0, c, nonzero[part], 0);
          }
        });
    return new Scan(facts, count(nonzero));
  }

  private static Scan scan(
      ExplicitRows layer, FactoredJacobian jacobian, int threads, Cancellation cancellation) {
    int c = (int) layer.columns();
    int outputs = jacobian.outputs();
    RowFacts[] facts = new RowFacts[jacobian.rows()];
    boolean[][] nonzero = new boolean[threads][c];
    RowTiles.forEach(
        threads,
        jacobian.examples(),
        1,
        (part, from, to) -> {
          double[] block = new double[outputs * Math.min(c, CHUNK)];
          for (int i = from; i < to; i++) {
            cancellation.check();
            for (int column = 0; column < c; column += CHUNK) {
              int length = Math.min(CHUNK, c - column);
              layer.rows().rows(i, column, length, block);
              for (int k = 0; k < outputs; k++) {
                int row = i * outputs + k;
                RowFacts chunk = RowFacts.of(block, k * length, length);
                if (!chunk.isFinite()) {
                  throw nonFinite("rows", layer, row, column, block, k * length);
                }
                facts[row] = column == 0 ? chunk : facts[row].followedBy(chunk);
                mark(block, k * length, length, nonzero[part], column);
              }
            }
          }
        });
    return new Scan(facts, count(nonzero));
  }

  private static void mark(double[] values, int at, int length, boolean[] nonzero, int column) {
    for (int j = 0; j < length; j++) {
      nonzero[column + j] |= values[at + j] != 0;
    }
  }

  private static int count(boolean[][] parts) {
    int count = 0;
    for (int j = 0; j < parts[0].length; j++) {
      boolean any = false;
      for (boolean[] part : parts) {
        any |= part[j];
      }
      count += any ? 1 : 0;
    }
    return count;
  }

  private static NonFiniteEntryException nonFinite(
      String what, LayerJacobian layer, int row, int column, double[] values, int at) {
    int j = 0;
    while (Double.isFinite(values[at + j])) {
      j++;
    }
    return new NonFiniteEntryException(
        " of the " + what + " of layer " + layer.layer(), row, column + j, values[at + j]);
  }
}
