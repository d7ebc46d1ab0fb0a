package io.fullrank.certificate.kernel;

import io.fullrank.certificate.backend.GramMatrix;
import io.fullrank.certificate.cholesky.VerifiedCholesky;
import io.fullrank.certificate.result.Finding;

/**
 * Verified Cholesky of the tangent kernel: the Gram matrix of all nK rows, see {@link KernelGram}.
 * It takes the memory of (nK)² f64 and certifies, with a bound on the smallest singular value; it
 * never refutes.
 */
public final class GramProof implements JacobianProof {

  @Override
  public Finding find(JacobianExamination examination) {
    FactoredJacobian jacobian = examination.jacobian();
    KernelGram source =
        new KernelGram(jacobian, examination.structure(), examination.algebra().threads());
    try (GramMatrix gram = examination.algebra().gram(source, examination.cancellation())) {
      examination.time().stage("gram");
      return new VerifiedCholesky()
          .find(
              gram,
              examination.structure().rowExponents(),
              jacobian.columns(),
              source.roundings(),
              examination.time(),
              examination.cancellation());
    }
  }
}
