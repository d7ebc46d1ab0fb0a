package io.fullrank.network.monitor;

import static io.fullrank.certificate.arithmetic.Upward.add;
import static io.fullrank.certificate.arithmetic.Upward.divide;
import static io.fullrank.certificate.arithmetic.Upward.multiply;
import static io.fullrank.certificate.arithmetic.Upward.squareRoot;

import io.fullrank.certificate.arithmetic.Upward;
import io.fullrank.certificate.backend.DenseLinearAlgebra;
import io.fullrank.certificate.cholesky.GramCholesky;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.result.InsufficientMemoryException;
import java.util.Optional;

/**
 * What the output layer of minimum norm that interpolates the one-hot labels of all rows but one
 * makes of that row, for each row, without any refit: its label less the output is r_i = [K⁻¹Y]_i /
 * [K⁻¹]_ii with K = ΦΦᵀ (theory §7; Φ of full row rank).
 *
 * <p><b>Errors.</b> Cholesky yields approximations X̂ of K⁻¹B for B = [Y, I]. For a column b let ρ
 * = Kx̂ − b. As x̂ − x = K⁻¹ρ, and e_iᵀK⁻¹ is the column z_i of K⁻¹, |x̂_i − x_i| = |z_iᵀρ| ≤
 * |ẑ_iᵀρ| + ‖ρ_i‖‖ρ‖/λ, where λ ≤ λ_min(K) is certified and ρ_i belongs to ẑ_i. ρ is computed as
 * Φ(Φᵀx̂) − b; with n rows and c columns its error is at most ‖Φ‖_F(γ_n‖Φ‖_F‖x̂‖ + γ_c‖p̂‖) for p̂
 * = fl(Φᵀx̂), and a rounding of the difference. Everything is rounded upwards; what underflows is
 * far below. So each r_i has a proven bound on its error, for the features and labels as they are.
 *
 * @param loss the mean of ½‖r_i‖², as computed
 * @param lossLowerBound what it is at least, in exact arithmetic
 * @param lossUpperBound what it is at most
 * @param errorLowerBound at least this fraction of the rows is classified wrongly when left out
 * @param errorUpperBound at most this fraction is
 * @param residualError at least the largest error of an entry of a residual
 * @param residuals n × K, row by row, as computed
 */
public record LeaveOneOut(
    double loss,
    double lossLowerBound,
    double lossUpperBound,
    double errorLowerBound,
    double errorUpperBound,
    double residualError,
    double[][] residuals) {

  /**
   * Computes the residuals, in the time of about 3n³ + 4n²c operations and the memory of three n ×
   * n and one n × c matrix.
   *
   * @param features Φ, n × c, certified to have full row rank
   * @param labels n labels, 0 to K − 1
   * @param sigmaMin a positive lower bound on the least singular value of Φ
   * @return empty if Cholesky breaks down, or its errors are too large to say anything
   * @throws InsufficientMemoryException if it does not fit
   */
  public static Optional<LeaveOneOut> of(
      Matrix features, int[] labels, int classes, double sigmaMin, DenseLinearAlgebra algebra) {
    Optional<GramCholesky> factor = GramCholesky.factorise(features, algebra);
    if (factor.isEmpty()) {
      return Optional.empty();
    }
    int n = labels.length;
    double lambda = Math.nextDown(sigmaMin * sigmaMin);
    try (GramCholesky cholesky = factor.get();
        Matrix right = rightHandSides(labels, classes);
        Matrix solution = cholesky.solve(right);
        Matrix products = algebra.multiplyTransposed(features, solution);
        Matrix remainder = algebra.multiply(features, products)) {
      Columns columns = new Columns(features, solution, products, remainder, right);
      double[][] residuals = new double[n][classes];
      double[][] errors = new double[n][classes];
      for (int i = 0; i < n; i++) {
        int own = classes + i;
        double diagonal = solution.get(i, own);
        double diagonalError = columns.error(own, own, lambda);
        double leastDiagonal = Math.nextDown(diagonal - diagonalError);
        if (!(leastDiagonal > 0)) {
          return Optional.empty();
        }
        for (int k = 0; k < classes; k++) {
          double r = solution.get(i, k) / diagonal;
          // |x̂/d̂ − x/d| ≤ (|x̂ − x| + |x̂/d̂||d̂ − d|)/d, and the rounding of the quotient.
          double numerator =
              add(
                  columns.error(k, own, lambda),
                  multiply(Math.abs(r) * (1 + 0x1p-52), diagonalError));
          residuals[i][k] = r;
          errors[i][k] = add(divide(numerator, leastDiagonal), Math.ulp(r));
        }
      }
      return Optional.of(summary(residuals, errors, labels));
    }
  }

  /** [Y, I], n × (K + n). */
  private static Matrix rightHandSides(int[] labels, int classes) {
    Matrix right = Matrix.allocate(labels.length, classes + (long) labels.length);
    for (int i = 0; i < labels.length; i++) {
      right.set(i, labels[i], 1);
      right.set(i, classes + (long) i, 1);
    }
    return right;
  }

  /** The columns X̂ with their remainders ρ. */
  private static final class Columns {
    private final double[][] solution;
    private final double[][] remainder;

    /** Bounds on the norm of the error of each remainder. */
    private final double[] rounding;

    Columns(Matrix features, Matrix solution, Matrix products, Matrix remainder, Matrix right) {
      long n = features.rows();
      double frobenius = squareRoot(sumOfSquares(features));
      double gammaRows = Upward.gamma(n);
      double gammaColumns = Upward.gamma(features.columns());
      this.solution = columns(solution);
      this.remainder = columns(remainder);
      double[][] p = columns(products);
      double[][] b = columns(right);
      this.rounding = new double[b.length];
      for (int j = 0; j < b.length; j++) {
        double inner = multiply(gammaRows, multiply(frobenius, norm(this.solution[j])));
        double outer = multiply(gammaColumns, norm(p[j]));
        for (int i = 0; i < b[j].length; i++) {
          this.remainder[j][i] -= b[j][i];
        }
        double difference = multiply(Upward.UNIT_ROUNDOFF, norm(this.remainder[j]));
        rounding[j] = add(multiply(frobenius, add(inner, outer)), difference);
      }
    }

    /** A bound on the error of entry i of X̂'s column j, where column own is that of K⁻¹e_i. */
    double error(int j, int own, double lambda) {
      double[] z = solution[own];
      double[] rho = remainder[j];
      double product = 0;
      double magnitudes = 0;
      for (int k = 0; k < z.length; k++) {
        product += z[k] * rho[k];
        magnitudes = add(magnitudes, Math.abs(z[k] * rho[k]));
      }
      double first =
          add(
              add(Math.abs(product), multiply(Upward.gamma(z.length + 1L), magnitudes)),
              multiply(norm(z), rounding[j]));
      double norms = multiply(remainderNorm(own), remainderNorm(j));
      return add(first, divide(norms, lambda));
    }

    private double remainderNorm(int j) {
      return add(norm(remainder[j]), rounding[j]);
    }

    private static double[][] columns(Matrix matrix) {
      double[][] columns =
          new double[Math.toIntExact(matrix.columns())][Math.toIntExact(matrix.rows())];
      double[] row = new double[columns.length];
      for (int i = 0; i < matrix.rows(); i++) {
        matrix.getRow(i, 0, row, 0, row.length);
        for (int j = 0; j < row.length; j++) {
          columns[j][i] = row[j];
        }
      }
      return columns;
    }

    private static double sumOfSquares(Matrix matrix) {
      double sum = 0;
      double[] row = new double[Math.toIntExact(matrix.columns())];
      for (int i = 0; i < matrix.rows(); i++) {
        matrix.getRow(i, 0, row, 0, row.length);
        double norm = norm(row);
        sum = add(sum, multiply(norm, norm));
      }
      return sum;
    }

    private static double norm(double[] values) {
      double squares = 0;
      for (double value : values) {
        squares = add(squares, multiply(value, value));
      }
      return squareRoot(squares);
    }
  }

  private static LeaveOneOut summary(double[][] residuals, double[][] errors, int[] labels) {
    double sum = 0;
    double least = 0;
    double most = 0;
    double largest = 0;
    int surelyWrong = 0;
    int surelyRight = 0;
    for (int i = 0; i < labels.length; i++) {
      boolean right = true;
      boolean wrong = false;
      int label = labels[i];
      double own = 1 - residuals[i][label];
      for (int k = 0; k < residuals[i].length; k++) {
        double r = residuals[i][k];
        double error = errors[i][k];
        sum += r * r / 2;
        double inner = Math.max(0, Math.nextDown(Math.abs(r) - error));
        least += Math.nextDown(Math.nextDown(inner * inner) / 2);
        double outer = add(Math.abs(r), error);
        most = add(most, multiply(outer, outer) / 2);
        largest = Math.max(largest, error);
        if (k != label) {
          // The outputs are e_label − r; doubt covers their errors and the roundings here.
          double other = -r;
          double doubt =
              add(
                  add(error, errors[i][label]),
                  4 * Upward.UNIT_ROUNDOFF * (2 + Math.abs(r) + Math.abs(own)));
          right &= own - other > doubt;
          wrong |= other - own > doubt;
        }
      }
      surelyRight += right ? 1 : 0;
      surelyWrong += wrong ? 1 : 0;
    }
    int n = labels.length;
    // The sum of least has at most nK roundings, each down by the factor below.
    double roundings = 1 - Upward.gamma((long) n * residuals[0].length + 2);
    return new LeaveOneOut(
        sum / n,
        Math.nextDown(least * roundings / n),
        divide(most, n),
        (double) surelyWrong / n,
        (double) (n - surelyRight) / n,
        largest,
        residuals);
  }
}
