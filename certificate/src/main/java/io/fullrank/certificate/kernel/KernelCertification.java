package io.fullrank.certificate.kernel;

import io.fullrank.certificate.backend.DenseLinearAlgebra;
import io.fullrank.certificate.examination.Stopwatch;
import io.fullrank.certificate.result.Cancellation;
import io.fullrank.certificate.result.Certificate;
import io.fullrank.certificate.result.CertificationCancelledException;
import io.fullrank.certificate.result.Finding;
import io.fullrank.certificate.result.InsufficientMemoryException;
import io.fullrank.certificate.result.NonFiniteEntryException;
import io.fullrank.certificate.result.Outcome;
import io.fullrank.certificate.result.Progress;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;

/**
 * Finds out, with proof, whether a Jacobian has full row rank, the condition under which a network
 * can fit all examples from its weights: if σ_min(J) ≥ s &gt; 0, then ‖Jᵀg‖ ≥ s‖g‖ for every g, see
 * {@link GradientBounds}. Looks at the structure of the factors, and where that leaves the question
 * open, tries one method of proof after the other.
 *
 * <p>The statement is about the exact product of the given factors, the Jacobian as computed.
 */
public final class KernelCertification {

  private final DenseLinearAlgebra algebra;
  private final List<JacobianProof> methods;

  /**
   * Tries verified Cholesky of the tangent kernel; where that does not fit into memory or leaves
   * the question open, the bound from the factors of a single layer; and then the exact rank modulo
   * small primes.
   *
   * @param algebra does the heavy work
   */
  public KernelCertification(DenseLinearAlgebra algebra) {
    this(algebra, new GramProof(), new LayerProof(), new SketchedRank());
  }

  /**
   * Tries the given methods in turn, until one settles the question.
   *
   * @param algebra does the heavy work
   * @param methods at least one
   * @throws IllegalArgumentException if there is no method
   */
  public KernelCertification(DenseLinearAlgebra algebra, JacobianProof... methods) {
    if (methods.length == 0) {
      throw new IllegalArgumentException("at least one method of proof is needed");
    }
    this.algebra = algebra;
    this.methods = List.of(methods);
  }

  /**
   * Judges one Jacobian, whose factors are taken as exact.
   *
   * @param jacobian (input) J, nK × ΣP_l
   * @param progress is told how far long stages have come
   * @param cancellation is asked between blocks of work
   * @return what is proven of J
   * @throws NonFiniteEntryException if an entry is NaN or infinite
   * @throws InsufficientMemoryException if no method fits, or the question stays open and the last
   *     method, which might have settled it, does not
   * @throws CertificationCancelledException if cancelled
   */
  public Certificate certify(
      FactoredJacobian jacobian, Progress progress, Cancellation cancellation) {
    Stopwatch time = new Stopwatch();
    JacobianStructure structure = JacobianStructure.of(jacobian, algebra.threads(), cancellation);
    time.stage("structure");
    JacobianExamination examination =
        new JacobianExamination(jacobian, structure, algebra, time, progress, cancellation);
    Finding finding = structure.refutation().orElseGet(() -> find(examination));
    return inWords(finding)
        .certificate(
            jacobian.rows(), jacobian.columns(), algebra.name(), time.stages(), time.elapsed());
  }

  private Finding find(JacobianExamination examination) {
    Optional<Finding> finding = Optional.empty();
    Optional<InsufficientMemoryException> tooLarge = Optional.empty();
    Iterator<JacobianProof> untried = methods.iterator();
    while (untried.hasNext()
        && finding.filter(found -> found.outcome() != Outcome.UNDETERMINED).isEmpty()) {
      try {
        Finding next = untried.next().find(examination);
        finding = Optional.of(finding.map(next::after).orElse(next));
      } catch (InsufficientMemoryException e) {
        if (!untried.hasNext()) {
          throw tooLarge.orElse(e);
        }
        // Another method may take less.
        tooLarge = tooLarge.or(() -> Optional.of(e));
      }
    }
    return finding.orElseThrow();
  }

  /** Says what the finding is about. */
  static Finding inWords(Finding finding) {
    String what =
        switch (finding.outcome()) {
          case CERTIFIED -> "the Jacobian as computed has full row rank: ";
          case REFUTED -> "the Jacobian as computed does not have full row rank: ";
          case UNDETERMINED -> "whether the Jacobian as computed has full row rank is open: ";
        };
    return new Finding(
        finding.outcome(),
        finding.method(),
        finding.sigmaMinLowerBound(),
        finding.sigmaMinEstimate(),
        finding.sigmaMaxUpperBound(),
        finding.rankLowerBound(),
        finding.falseRefutationProbability(),
        finding.primes(),
        what + finding.reason());
  }
}
