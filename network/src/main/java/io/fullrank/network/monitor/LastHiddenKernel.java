package io.fullrank.network.monitor;

import io.fullrank.certificate.backend.DenseLinearAlgebra;
import io.fullrank.certificate.kernel.ExplicitRows;
import io.fullrank.certificate.kernel.FactoredJacobian;
import io.fullrank.certificate.kernel.GramProof;
import io.fullrank.certificate.kernel.KernelCertification;
import io.fullrank.certificate.kernel.KhatriRaoRows;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.matrix.Rows;
import io.fullrank.certificate.result.Cancellation;
import io.fullrank.certificate.result.Certificate;
import io.fullrank.certificate.result.InsufficientMemoryException;
import io.fullrank.certificate.result.Outcome;
import io.fullrank.certificate.result.Progress;
import io.fullrank.network.architecture.Network;
import io.fullrank.network.data.sample.Samples;
import io.fullrank.network.jacobian.JacobianLayers;
import io.fullrank.network.jacobian.OutputJacobian;
import io.fullrank.network.layer.LinearMap;
import io.fullrank.network.loss.LossFunction;
import io.fullrank.network.tensor.FloatMatrix;
import io.fullrank.network.tensor.Parameters;
import io.fullrank.proto.v1.Loss;
import java.util.List;
import java.util.OptionalDouble;

/**
 * The Gram matrix G = JJᵀ of DLLWZ18 for the weights of the last hidden layer, J being the Jacobian
 * of the outputs in these: for one output what §3 to §5 there define, and for K outputs of order
 * nK, since ½Σ‖f − y‖² over all outputs obeys the same equations with that. Its limit for large
 * width is block-diagonal, K times {@link PopulationKernel}. To be closed.
 *
 * @param layer the last hidden layer
 * @param certificate whether J has full row rank, with bounds of its singular values: λ_min(G) is
 *     the square of the least
 * @param gram G as computed in float64, nK × nK
 * @param loss the mean over the rows of ½‖f − y‖², with one-hot labels y
 */
public record LastHiddenKernel(String layer, Certificate certificate, Matrix gram, double loss)
    implements AutoCloseable {

  /**
   * Computes and certifies the matrix at some weights.
   *
   * @param samples n rows
   * @param algebra does the heavy work
   * @throws InsufficientMemoryException if it does not fit
   */
  public static LastHiddenKernel of(
      Network network, Parameters parameters, Samples samples, DenseLinearAlgebra algebra) {
    List<LinearMap> maps = network.linearMaps();
    // The last one is the output layer's.
    JacobianLayers last = new JacobianLayers(maps.subList(maps.size() - 2, maps.size() - 1));
    try (OutputJacobian outputs = OutputJacobian.compute(network, parameters, samples, last)) {
      FactoredJacobian jacobian = outputs.jacobian();
      Certificate certificate =
          new KernelCertification(algebra, new GramProof())
              .certify(jacobian, Progress.NONE, Cancellation.NEVER);
      return new LastHiddenKernel(
          last.names().get(0),
          certificate,
          gram(jacobian, algebra),
          loss(outputs.outputs(), samples.labels()));
    }
  }

  private static double loss(FloatMatrix outputs, int[] labels) {
    LossFunction squared = LossFunction.of(Loss.LOSS_SQUARED);
    double[] row = new double[outputs.columns()];
    double sum = 0;
    for (int i = 0; i < labels.length; i++) {
      for (int k = 0; k < row.length; k++) {
        row[k] = outputs.values().get(i * row.length + k);
      }
      sum += squared.value(row, labels[i], row);
    }
    return sum / labels.length;
  }

  /** Returns a proven lower bound on λ_min(G); 0 if there is none. */
  public double lambdaMinLowerBound() {
    double sigma = certificate.sigmaMinLowerBound().orElse(0);
    return Math.max(0, Math.nextDown(sigma * sigma));
  }

  /** Returns an estimate of λ_min(G), if there is one; it is 0 where J is proven rank-deficient. */
  public OptionalDouble lambdaMinEstimate() {
    if (isSingular()) {
      return OptionalDouble.of(0);
    }
    OptionalDouble sigma = certificate.sigmaMinEstimate();
    return sigma.isPresent()
        ? OptionalDouble.of(sigma.getAsDouble() * sigma.getAsDouble())
        : OptionalDouble.empty();
  }

  /** Returns whether λ_min(G) = 0 is proven. */
  public boolean isSingular() {
    return certificate.outcome() == Outcome.REFUTED
        && certificate.falseRefutationProbability().orElse(1) == 0;
  }

  /** Returns ‖G − G'‖_F as computed, which bounds ‖G − G'‖₂. */
  public double distance(LastHiddenKernel other) {
    double squares = 0;
    double[] row = new double[Math.toIntExact(gram.columns())];
    double[] otherRow = new double[row.length];
    for (long i = 0; i < gram.rows(); i++) {
      gram.getRow(i, 0, row, 0, row.length);
      other.gram.getRow(i, 0, otherRow, 0, row.length);
      for (int j = 0; j < row.length; j++) {
        squares += (row[j] - otherRow[j]) * (row[j] - otherRow[j]);
      }
    }
    return Math.sqrt(squares);
  }

  private static Matrix gram(FactoredJacobian jacobian, DenseLinearAlgebra algebra) {
    if (jacobian.layers().get(0) instanceof KhatriRaoRows factors) {
      int outputs = jacobian.outputs();
      Matrix gram = square(factors.outputGradients(), algebra);
      try (Matrix inputs = square(factors.inputs(), algebra)) {
        double[] row = new double[jacobian.rows()];
        for (int i = 0; i < row.length; i++) {
          gram.getRow(i, 0, row, 0, row.length);
          for (int j = 0; j < row.length; j++) {
            row[j] *= inputs.get(i / outputs, j / outputs) + (factors.bias() ? 1 : 0);
          }
          gram.setRow(i, 0, row, 0, row.length);
        }
      }
      return gram;
    }
    ExplicitRows explicit = (ExplicitRows) jacobian.layers().get(0);
    int columns = Math.toIntExact(explicit.columns());
    try (Matrix rows = Matrix.allocate(jacobian.rows(), columns)) {
      double[] ofExample = new double[Math.multiplyExact(jacobian.outputs(), columns)];
      for (int i = 0; i < jacobian.examples(); i++) {
        explicit.rows().rows(i, 0, columns, ofExample);
        for (int k = 0; k < jacobian.outputs(); k++) {
          rows.setRow((long) i * jacobian.outputs() + k, 0, ofExample, k * columns, columns);
        }
      }
      return square(rows, algebra);
    }
  }

  /** AAᵀ. */
  private static Matrix square(Rows a, DenseLinearAlgebra algebra) {
    try (Matrix turned = Matrix.allocate(a.columns(), a.rows())) {
      double[] row = new double[Math.toIntExact(a.columns())];
      for (long i = 0; i < a.rows(); i++) {
        a.getRow(i, 0, row, 0, row.length);
        for (int j = 0; j < row.length; j++) {
          turned.set(j, i, row[j]);
        }
      }
      return algebra.multiplyTransposed(turned, turned);
    }
  }

  @Override
  public void close() {
    gram.close();
  }
}
