package io.fullrank.network.guarantee;

import static io.fullrank.certificate.arithmetic.Upward.add;
import static io.fullrank.certificate.arithmetic.Upward.divide;
import static io.fullrank.certificate.arithmetic.Upward.multiply;
import static io.fullrank.certificate.arithmetic.Upward.squareRoot;

import io.fullrank.certificate.arithmetic.Upward;
import io.fullrank.certificate.backend.DenseLinearAlgebra;
import io.fullrank.certificate.cholesky.GramCholesky;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.network.loss.Evaluation;
import io.fullrank.network.loss.LossFunction;
import java.util.Optional;

/**
 * The loss of the output layer alone on fixed features: L(V) = (1/n) Σ ℓ(φ_iᵀV, y_i) for V = [W;
 * b], which is c × K with c = m_H + 1. Convex and, with s = L_ℓ‖Φ‖₂²/n, s-smooth (theory §3).
 * Computed in float64.
 */
public final class OutputProblem implements AutoCloseable {

  private final Matrix features;
  private final int[] labels;
  private final int classes;
  private final LossFunction loss;
  private final DenseLinearAlgebra algebra;
  private double frobeniusNorm;

  /**
   * Creates the problem; it closes the features.
   *
   * @param features Φ, n × c
   * @param labels n labels
   */
  public OutputProblem(
      Matrix features, int[] labels, int classes, LossFunction loss, DenseLinearAlgebra algebra) {
    this.features = features;
    this.labels = labels;
    this.classes = classes;
    this.loss = loss;
    this.algebra = algebra;
    this.frobeniusNorm = frobeniusNorm(features);
  }

  public Matrix features() {
    return features;
  }

  /** Must be called after entries of the features were changed. */
  public void featuresChanged() {
    frobeniusNorm = frobeniusNorm(features);
  }

  LossFunction loss() {
    return loss;
  }

  public int classes() {
    return classes;
  }

  public int rows() {
    return labels.length;
  }

  /** An upper bound on ‖Φ‖_F. */
  public double frobeniusNorm() {
    return frobeniusNorm;
  }

  /** The Cholesky factorisation of ΦΦᵀ, to be closed by the caller; empty if it breaks down. */
  Optional<GramCholesky> factorise() {
    return GramCholesky.factorise(features, algebra);
  }

  /** ΦV as computed, n × K. */
  Matrix outputs(Matrix v) {
    return algebra.multiply(features, v);
  }

  /** ΦᵀX as computed, for X n × K. */
  Matrix transposedProduct(Matrix x) {
    return algebra.multiplyTransposed(features, x);
  }

  /** Loss and error of V. */
  public Evaluation evaluate(Matrix v) {
    try (Matrix outputs = outputs(v)) {
      double sum = 0;
      int wrong = 0;
      double[] row = new double[classes];
      for (int i = 0; i < labels.length; i++) {
        outputs.getRow(i, 0, row, 0, classes);
        if (Evaluation.classify(row) != labels[i]) {
          wrong++;
        }
        sum += loss.value(row, labels[i], row);
      }
      return new Evaluation(sum / labels.length, (double) wrong / labels.length);
    }
  }

  /**
   * Mean loss of given outputs.
   *
   * @param outputs (modified) n × K, replaced by the gradients of the rows' losses
   */
  double lossAndResiduals(Matrix outputs) {
    double sum = 0;
    double[] row = new double[classes];
    for (int i = 0; i < labels.length; i++) {
      outputs.getRow(i, 0, row, 0, classes);
      sum += loss.value(row, labels[i], row);
      outputs.setRow(i, 0, row, 0, classes);
    }
    return sum / labels.length;
  }

  /**
   * Mean loss and its gradient.
   *
   * @param v (input) c × K entries
   * @param gradient (output) c × K entries
   */
  double gradient(double[] v, double[] gradient) {
    try (Matrix matrix = toMatrix(v);
        Matrix outputs = outputs(matrix)) {
      double value = lossAndResiduals(outputs);
      try (Matrix sum = transposedProduct(outputs)) {
        double[] entries = toArray(sum);
        for (int j = 0; j < entries.length; j++) {
          gradient[j] = entries[j] / labels.length;
        }
      }
      return value;
    }
  }

  /**
   * What a step of gradient descent saw.
   *
   * @param loss the loss it started from
   * @param gradientSum ΦᵀR, n times the gradient, c × K, to be closed by the caller
   */
  public record Descent(double loss, Matrix gradientSum) {}

  /**
   * One step of gradient descent, V ← V − ∇L(V)/s. {@link OutputRounding#stepError} bounds the
   * rounding errors of exactly these operations.
   *
   * @param v (modified) c × K
   * @param smoothness s
   */
  public Descent descend(Matrix v, double smoothness) {
    double value;
    Matrix gradientSum;
    try (Matrix outputs = outputs(v)) {
      value = lossAndResiduals(outputs);
      gradientSum = transposedProduct(outputs);
    }
    double rate = 1 / smoothness / labels.length;
    double[] weights = new double[classes];
    double[] gradient = new double[classes];
    for (long i = 0; i < v.rows(); i++) {
      v.getRow(i, 0, weights, 0, classes);
      gradientSum.getRow(i, 0, gradient, 0, classes);
      for (int k = 0; k < classes; k++) {
        weights[k] -= rate * gradient[k];
      }
      v.setRow(i, 0, weights, 0, classes);
    }
    return new Descent(value, gradientSum);
  }

  /** The smoothness constant s = L_ℓσ²/n, rounded up, for an upper bound σ on ‖Φ‖₂. */
  public double smoothness(double sigmaMax) {
    return divide(multiply(loss.gradientLipschitz(), multiply(sigmaMax, sigmaMax)), labels.length);
  }

  /** An upper bound on the exact loss of V. */
  public double lossUpperBound(Matrix v) {
    OutputRounding rounding = rounding();
    return rounding.lossUpperBound(evaluate(v).loss(), rounding.outputError(frobeniusNorm(v)));
  }

  /** What rounding can do to the computations, with the features as they are. */
  OutputRounding rounding() {
    return new OutputRounding(labels.length, features.columns(), classes, frobeniusNorm, loss);
  }

  /** A matrix with these entries, row-major, as wide as there are classes. */
  public Matrix toMatrix(double[] entries) {
    Matrix matrix = Matrix.allocate(entries.length / classes, classes);
    setEntries(matrix, entries);
    return matrix;
  }

  /** Sets all entries of such a matrix. */
  public void setEntries(Matrix matrix, double[] entries) {
    for (int i = 0; i < matrix.rows(); i++) {
      matrix.setRow(i, 0, entries, i * classes, classes);
    }
  }

  /** The entries of such a matrix. */
  public double[] toArray(Matrix matrix) {
    double[] entries = new double[Math.toIntExact(matrix.rows() * classes)];
    for (int i = 0; i < matrix.rows(); i++) {
      matrix.getRow(i, 0, entries, i * classes, classes);
    }
    return entries;
  }

  /** An upper bound on the Frobenius norm. */
  public static double frobeniusNorm(Matrix matrix) {
    double squares = 0;
    double[] row = new double[Math.toIntExact(matrix.columns())];
    for (long i = 0; i < matrix.rows(); i++) {
      matrix.getRow(i, 0, row, 0, row.length);
      double rowSquares = 0;
      for (double value : row) {
        rowSquares += value * value;
      }
      squares += rowSquares;
    }
    double count = (double) matrix.rows() * row.length;
    double relative = Upward.gammaOverOneMinusGamma(matrix.rows() + row.length + 1);
    return squareRoot(add(multiply(squares, add(1, relative)), count * Double.MIN_NORMAL));
  }

  @Override
  public void close() {
    features.close();
  }
}
