package io.fullrank.certificate.kernel;

import io.fullrank.certificate.cholesky.VerifiedCholesky;
import io.fullrank.certificate.examination.Examination;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.result.CertificateMethod;
import io.fullrank.certificate.result.Finding;
import io.fullrank.certificate.result.Outcome;
import io.fullrank.certificate.result.Progress;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * Full row rank from one layer alone that has at least as many inputs as there are examples, by
 * certificates of its factors: one of n rows and n of K rows, instead of one of nK rows.
 *
 * <p><b>Theorem.</b> For a linear layer with Ā = [A, 1], n × m̄, and Δ_i = (δ_ik)_k, K × m',
 * σ_min(J) ≥ σ_min(Ā)·min_i σ_min(Δ_i), where σ_min is the one of full row rank.
 *
 * <p><i>Proof.</i> Let λ = λ_min(ĀĀᵀ) and E = 1_K1_Kᵀ. J_lJ_lᵀ is the entrywise product of (ĀĀᵀ) ⊗
 * E and ΔΔᵀ. (ĀĀᵀ − λI) ⊗ E and ΔΔᵀ are positive semidefinite, and so is their entrywise product
 * (Schur; Horn and Johnson, <i>Matrix Analysis</i>, §7.5). Hence J_lJ_lᵀ − λ(I ⊗ E)∘(ΔΔᵀ) is, and
 * the latter is λ times the block-diagonal matrix of the Δ_iΔ_iᵀ. Other layers add positive
 * semidefinite matrices to JJᵀ. ∎
 *
 * <p>The bounds of the factors are products of {@link VerifiedCholesky}; their product is rounded
 * downwards. Of several such layers the one with the largest bound counts. It never refutes.
 */
public final class LayerProof implements JacobianProof {

  /** A bound that a layer proves; 0 if it underflows. */
  private record Bound(String layer, double inputs, double gradients, double sigma) {}

  @Override
  public Finding find(JacobianExamination examination) {
    FactoredJacobian jacobian = examination.jacobian();
    Optional<Bound> best = Optional.empty();
    for (LayerJacobian layer : jacobian.layers()) {
      if (layer instanceof KhatriRaoRows factors
          && factors.inputColumns() >= jacobian.examples()
          && factors.outputGradients().columns() >= jacobian.outputs()) {
        Optional<Bound> bound = bound(factors, examination);
        if (bound.isPresent() && best.filter(b -> b.sigma >= bound.get().sigma).isEmpty()) {
          best = bound;
        }
      }
    }
    return best.map(bound -> certified(bound, jacobian)).orElseGet(LayerProof::undetermined);
  }

  private static Optional<Bound> bound(KhatriRaoRows layer, JacobianExamination examination) {
    int examples = examination.jacobian().examples();
    Optional<Double> inputs;
    try (Matrix a = inputs(layer)) {
      inputs = sigmaMin(a, examination);
    }
    examination.time().stage("inputs");
    if (inputs.isEmpty()) {
      return Optional.empty();
    }
    double gradients = Double.POSITIVE_INFINITY;
    int outputs = examination.jacobian().outputs();
    double[] row = new double[(int) layer.outputGradients().columns()];
    try (Matrix delta = Matrix.allocate(outputs, row.length)) {
      for (int i = 0; i < examples; i++) {
        for (int k = 0; k < outputs; k++) {
          layer.outputGradients().getRow((long) i * outputs + k, 0, row, 0, row.length);
          delta.setRow(k, 0, row, 0, row.length);
        }
        Optional<Double> sigma = sigmaMin(delta, examination);
        if (sigma.isEmpty()) {
          examination.time().stage("output-gradients");
          return Optional.empty();
        }
        gradients = Math.min(gradients, sigma.get());
      }
    }
    examination.time().stage("output-gradients");
    double product = Math.max(0, Math.nextDown(inputs.get() * gradients));
    return Optional.of(
        new Bound(layer.layer(), inputs.get(), gradients, Math.min(product, Double.MAX_VALUE)));
  }

  private static Matrix inputs(KhatriRaoRows layer) {
    int m = (int) layer.inputs().columns();
    Matrix matrix = Matrix.allocate(layer.inputs().rows(), layer.inputColumns());
    double[] row = new double[m];
    for (int i = 0; i < matrix.rows(); i++) {
      layer.inputs().getRow(i, 0, row, 0, m);
      matrix.setRow(i, 0, row, 0, m);
    }
    if (layer.bias()) {
      matrix.fillColumn(m, 1);
    }
    return matrix;
  }

  /** Returns a bound on σ_min, 0 if it underflows; empty if full row rank is not proven. */
  private static Optional<Double> sigmaMin(Matrix matrix, JacobianExamination examination) {
    Examination own =
        Examination.begin(matrix, examination.algebra(), Progress.NONE, examination.cancellation());
    if (own.structure().refutation().isPresent()) {
      return Optional.empty();
    }
    Finding finding = new VerifiedCholesky().find(own);
    return finding.outcome() == Outcome.CERTIFIED
        ? Optional.of(finding.sigmaMinLowerBound().orElse(0))
        : Optional.empty();
  }

  private static Finding certified(Bound bound, FactoredJacobian jacobian) {
    return new Finding(
        Outcome.CERTIFIED,
        CertificateMethod.CHOLESKY,
        bound.sigma > 0 ? OptionalDouble.of(bound.sigma) : OptionalDouble.empty(),
        OptionalDouble.empty(),
        OptionalDouble.empty(),
        jacobian.rows(),
        OptionalDouble.empty(),
        Optional.empty(),
        String.format(
            Locale.ROOT,
            "the inputs of layer %s have full row rank, with a smallest singular value of at least"
                + " %.3g, and so have the output gradients of each example, with at least %.3g",
            bound.layer,
            bound.inputs,
            bound.gradients));
  }

  private static Finding undetermined() {
    return new Finding(
        Outcome.UNDETERMINED,
        CertificateMethod.CHOLESKY,
        OptionalDouble.empty(),
        OptionalDouble.empty(),
        OptionalDouble.empty(),
        1,
        OptionalDouble.empty(),
        Optional.empty(),
        "no layer has inputs of full row rank that verified Cholesky could certify, and output"
            + " gradients of full row rank for each example");
  }
}
