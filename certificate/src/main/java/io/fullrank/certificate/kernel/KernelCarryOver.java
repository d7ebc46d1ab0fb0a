package io.fullrank.certificate.kernel;

import io.fullrank.certificate.arithmetic.Upward;
import io.fullrank.certificate.examination.CertifiedBounds;
import io.fullrank.certificate.examination.Stopwatch;
import io.fullrank.certificate.matrix.RowTiles;
import io.fullrank.certificate.matrix.Rows;
import io.fullrank.certificate.result.Certificate;
import io.fullrank.certificate.result.Finding;
import java.util.Optional;

/**
 * A certified Jacobian J, kept to certify Jacobians J' close to it by one pass over the factors.
 *
 * <p>What the distance ‖J' − J‖_F proves of J', {@link CertifiedBounds} says. No column is formed:
 * in a Khatri–Rao layer, with ā = (a, 1),
 *
 * <p>‖δ' ⊗ ā' − δ ⊗ ā‖ ≤ ‖δ' − δ‖·‖ā‖ + ‖δ'‖·‖ā' − ā‖,
 *
 * <p>as the left side is ‖(δ' − δ) ⊗ ā + δ' ⊗ (ā' − ā)‖, or the same with J and J' exchanged, which
 * may be smaller; explicit rows are subtracted. ‖J' − J‖_F² is the sum of the squares of these over
 * all rows and layers. The trace of the difference of two Gram matrices would be cheaper, but
 * suffers cancellation.
 *
 * <p><b>Rounding.</b> Norms of the numbers, and of their differences, which are rounded once, are
 * those of {@link Upward#sumOfSquares}; every other operation is rounded upwards.
 *
 * <p>The distance is always taken to the Jacobian that was certified afresh; it does not add up
 * over successive ones. The factors are kept as they are, not copied: who made them must not change
 * or free them before.
 */
public final class KernelCarryOver {

  private static final int TILE = 16;

  private final FactoredJacobian certified;
  private final CertifiedBounds bounds;

  private KernelCarryOver(FactoredJacobian certified, CertifiedBounds bounds) {
    this.certified = certified;
    this.bounds = bounds;
  }

  /**
   * Keeps a Jacobian that was certified.
   *
   * @param jacobian J
   * @param certificate the certificate of J
   * @return empty if there is nothing to carry over: no certified bound on σ_min(J)
   */
  public static Optional<KernelCarryOver> from(FactoredJacobian jacobian, Certificate certificate) {
    return CertifiedBounds.of(certificate).map(bounds -> new KernelCarryOver(jacobian, bounds));
  }

  /**
   * Certifies a Jacobian by its distance to this one.
   *
   * @param jacobian (input) J'
   * @param leastBound the smallest bound on σ_min with which the certificate is still of use
   * @param threads the largest number of threads to use
   * @return empty if J' has another shape, or is so far away that the bound on its smallest
   *     singular value would be 0 or below {@code leastBound}
   */
  public Optional<Certificate> certify(FactoredJacobian jacobian, double leastBound, int threads) {
    if (!hasSameShape(jacobian)) {
      return Optional.empty();
    }
    Stopwatch time = new Stopwatch();
    double distance = distance(jacobian, threads);
    Optional<Finding> finding =
        bounds.carriedOver(distance, leastBound, "it").map(KernelCertification::inWords);
    time.stage("distance");
    return finding.map(
        found ->
            found.certificate(
                jacobian.rows(), jacobian.columns(), "java", time.stages(), time.elapsed()));
  }

  private boolean hasSameShape(FactoredJacobian other) {
    if (other.examples() != certified.examples()
        || other.outputs() != certified.outputs()
        || other.layers().size() != certified.layers().size()) {
      return false;
    }
    for (int l = 0; l < other.layers().size(); l++) {
      LayerJacobian ours = certified.layers().get(l);
      LayerJacobian theirs = other.layers().get(l);
      boolean same =
          ours instanceof KhatriRaoRows a
              ? theirs instanceof KhatriRaoRows b
                  && a.bias() == b.bias()
                  && a.inputs().columns() == b.inputs().columns()
                  && a.outputGradients().columns() == b.outputGradients().columns()
              : theirs instanceof ExplicitRows && ours.columns() == theirs.columns();
      if (!same) {
        return false;
      }
    }
    return true;
  }

  /** Returns an upper bound on ‖J' − J‖_F, 0 for equal factors; infinite or NaN if it overflows. */
  private double distance(FactoredJacobian other, int threads) {
    double sum = 0;
    for (int l = 0; l < certified.layers().size(); l++) {
      double[] parts =
          certified.layers().get(l) instanceof KhatriRaoRows ours
              ? squaredDistances(ours, (KhatriRaoRows) other.layers().get(l), threads)
              : squaredDistances(
                  (ExplicitRows) certified.layers().get(l),
                  (ExplicitRows) other.layers().get(l),
                  threads);
      for (double part : parts) {
        sum = plus(sum, part);
      }
    }
    return sum == 0 ? 0 : Upward.squareRoot(sum);
  }

  /** Upper bounds on the norms of two vectors and of their difference; 0 is exact. */
  private record Norms(double ours, double theirs, double difference) {

    static Norms of(Rows ours, Rows theirs, int row, boolean bias) {
      int c = (int) ours.columns();
      double[] a = new double[bias ? c + 1 : c];
      double[] b = new double[a.length];
      ours.getRow(row, 0, a, 0, c);
      theirs.getRow(row, 0, b, 0, c);
      if (bias) {
        a[c] = 1;
        b[c] = 1;
      }
      double normOfA = norm(a);
      double normOfB = norm(b);
      for (int j = 0; j < a.length; j++) {
        a[j] -= b[j];
      }
      return new Norms(normOfA, normOfB, norm(a));
    }

    private static double norm(double[] values) {
      double squares = Upward.sumOfSquares(values);
      return squares == 0 ? 0 : Upward.squareRoot(squares);
    }
  }

  /** Returns upper bounds on the sums of ‖J'_l − J_l‖_F², for some rows each. */
  private double[] squaredDistances(KhatriRaoRows ours, KhatriRaoRows theirs, int threads) {
    double[] parts = new double[threads];
    int outputs = certified.outputs();
    RowTiles.forEach(
        threads,
        certified.examples(),
        TILE,
        (part, from, to) -> {
          for (int i = from; i < to; i++) {
            Norms a = Norms.of(ours.inputs(), theirs.inputs(), i, ours.bias());
            for (int row = i * outputs; row < (i + 1) * outputs; row++) {
              Norms delta = Norms.of(ours.outputGradients(), theirs.outputGradients(), row, false);
              double distance =
                  Math.min(
                      plus(times(delta.difference, a.ours), times(delta.theirs, a.difference)),
                      plus(times(delta.difference, a.theirs), times(delta.ours, a.difference)));
              parts[part] = plus(parts[part], times(distance, distance));
            }
          }
        });
    return parts;
  }

  private double[] squaredDistances(ExplicitRows ours, ExplicitRows theirs, int threads) {
    double[] parts = new double[threads];
    int c = (int) ours.columns();
    int chunk = JacobianStructure.CHUNK;
    RowTiles.forEach(
        threads,
        certified.examples(),
        1,
        (part, first, end) -> {
          for (int i = first; i < end; i++) {
            for (int from = 0; from < c; from += chunk) {
              int length = Math.min(chunk, c - from);
              double[] a = new double[certified.outputs() * length];
              double[] b = new double[a.length];
              ours.rows().rows(i, from, length, a);
              theirs.rows().rows(i, from, length, b);
              for (int j = 0; j < a.length; j++) {
                a[j] -= b[j];
              }
              parts[part] = plus(parts[part], Upward.sumOfSquares(a));
            }
          }
        });
    return parts;
  }

  private static double plus(double a, double b) {
    return a == 0 || b == 0 ? a + b : Upward.add(a, b);
  }

  private static double times(double a, double b) {
    // Exactly 0, or NaN: nothing is carried over to factors that are not finite.
    return a == 0 || b == 0 ? a * b : Upward.multiply(a, b);
  }
}
