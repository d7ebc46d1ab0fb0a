package io.fullrank.certificate.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.fullrank.certificate.ExactMatrix;
import io.fullrank.certificate.backend.DenseLinearAlgebra;
import io.fullrank.certificate.backend.openblas.OpenBlas;
import io.fullrank.certificate.examination.Stopwatch;
import io.fullrank.certificate.result.Cancellation;
import io.fullrank.certificate.result.Certificate;
import io.fullrank.certificate.result.CertificateMethod;
import io.fullrank.certificate.result.CertificationCancelledException;
import io.fullrank.certificate.result.InsufficientMemoryException;
import io.fullrank.certificate.result.NonFiniteEntryException;
import io.fullrank.certificate.result.Outcome;
import io.fullrank.certificate.result.Progress;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class KernelCertificationTest {

  private static final int LARGE = 400;

  private final DenseLinearAlgebra algebra = new OpenBlas(2);
  private final KernelCertification automatic = new KernelCertification(algebra);

  private Certificate certify(JacobianFamily.Drawn drawn) {
    return automatic.certify(drawn.jacobian(), Progress.NONE, Cancellation.NEVER);
  }

  private static JacobianFamily.Drawn layer(
      double[][] inputs, boolean bias, double[][] gradients, int outputs) {
    return JacobianFamily.of(
        List.of(new JacobianFamily.Layer(inputs, bias, gradients, false)), inputs.length, outputs);
  }

  /** Rows 2·(1, 2, 1) and 3·(3, 4, 1): λ_min of [[24, 72], [72, 234]] is 129 − √16209 = 1.685. */
  @Test
  void boundsTheSmallestSingularValue() {
    try (JacobianFamily.Drawn drawn =
        layer(new double[][] {{1, 2}, {3, 4}}, true, new double[][] {{2}, {3}}, 1)) {
      Certificate certificate = certify(drawn);
      assertThat(certificate.outcome()).isEqualTo(Outcome.CERTIFIED);
      assertThat(certificate.method()).isEqualTo(CertificateMethod.CHOLESKY);
      assertThat(certificate.rows()).isEqualTo(2);
      assertThat(certificate.columns()).isEqualTo(3);
      assertThat(certificate.sigmaMinLowerBound().getAsDouble())
          .isBetween(0.9 * Math.sqrt(129 - Math.sqrt(16209)), Math.sqrt(129 - Math.sqrt(16209)));
      assertThat(certificate.reason()).startsWith("the Jacobian as computed has full row rank: ");
      assertThat(certificate.backend()).isEqualTo("openblas");
    }
  }

  @Test
  void refutesByShape() {
    try (JacobianFamily.Drawn drawn =
        layer(new double[][] {{1}, {2}}, false, new double[][] {{1}, {1}}, 1)) {
      requireRefuted(drawn, "1 columns, one per parameter, cannot have rank 2");
    }
  }

  @Test
  void refutesZeroRows() {
    try (JacobianFamily.Drawn drawn =
        layer(new double[][] {{1, 2, 3}, {0, 0, 0}}, false, new double[][] {{1, 1}, {1, 1}}, 1)) {
      requireRefuted(drawn, "the row of output 0 of example 1 is zero");
    }
  }

  @Test
  void refutesIdenticalRows() {
    try (JacobianFamily.Drawn drawn =
        layer(
            new double[][] {{1, 2}, {3, 1}, {1, 2}},
            true,
            new double[][] {{1, 2}, {1, 2}, {1, 2}},
            1)) {
      requireRefuted(
          drawn, "the row of output 0 of example 0 and the row of output 0 of example 2 are");
    }
  }

  /** Six columns for five rows, but only two units and two inputs live: rank 4. */
  @Test
  void refutesDeadUnits() {
    double[][] inputs = {{1, 0, 2}, {2, 0, 3}, {3, 0, 5}, {1, 0, 7}, {4, 0, 3}};
    double[][] gradients = {{1, 0, 2}, {3, 0, 1}, {2, 0, 5}, {1, 0, 4}, {3, 0, 2}};
    try (JacobianFamily.Drawn drawn = layer(inputs, false, gradients, 1)) {
      requireRefuted(drawn, "the rank is at most 4, below the 5 rows");
    }
  }

  private void requireRefuted(JacobianFamily.Drawn drawn, String reason) {
    Certificate certificate = certify(drawn);
    assertThat(certificate.outcome()).isEqualTo(Outcome.REFUTED);
    assertThat(certificate.method()).isEqualTo(CertificateMethod.STRUCTURE);
    assertThat(certificate.falseRefutationProbability()).hasValue(0);
    assertThat(certificate.reason())
        .startsWith("the Jacobian as computed does not have full row rank: ")
        .contains(reason);
  }

  /** The gradients of an example's outputs are 1 and 2 times the same vector. */
  @Test
  void leavesOtherDependenciesOpen() {
    try (JacobianFamily.Drawn drawn =
        layer(new double[][] {{1, 2}}, true, new double[][] {{1, 3}, {2, 6}}, 2)) {
      Certificate certificate = certify(drawn);
      assertThat(certificate.outcome()).isEqualTo(Outcome.UNDETERMINED);
      assertThat(certificate.reason())
          .startsWith("whether the Jacobian as computed has full row rank is open: ");
    }
  }

  @Test
  void certifiesByPrimesWhatRoundingHides() {
    double[][] inputs = {{1, 1}, {1, 1 + 0x1p-40}};
    try (JacobianFamily.Drawn drawn = layer(inputs, false, new double[][] {{1, 2}, {1, 2}}, 1)) {
      Certificate certificate = certify(drawn);
      assertThat(certificate.outcome()).isEqualTo(Outcome.CERTIFIED);
      assertThat(certificate.method()).isEqualTo(CertificateMethod.MODULAR);
      assertThat(certificate.primes()).isPresent();
    }
  }

  @Test
  void saysThatMemoryLacksWhereTheLastMethodMightHaveSettledIt() {
    double[][] inputs = {{1, 1}, {1, 1 + 0x1p-40}};
    InsufficientMemoryException lacking = new InsufficientMemoryException("80 MB are needed");
    try (JacobianFamily.Drawn drawn = layer(inputs, false, new double[][] {{1, 2}, {1, 2}}, 1)) {
      KernelCertification open = new KernelCertification(algebra, new LayerProof());
      assertThat(open.certify(drawn.jacobian(), Progress.NONE, Cancellation.NEVER).outcome())
          .isEqualTo(Outcome.UNDETERMINED);
      KernelCertification starved =
          new KernelCertification(
              algebra,
              new LayerProof(),
              examination -> {
                throw lacking;
              });
      assertThatThrownBy(() -> starved.certify(drawn.jacobian(), Progress.NONE, Cancellation.NEVER))
          .isSameAs(lacking);
    }
  }

  @Test
  void boundsByTheFactorsOfOneLayer() {
    SplittableRandom random = new SplittableRandom(1);
    try (JacobianFamily.Drawn drawn =
        layer(gaussian(random, 8, 8), true, gaussian(random, 16, 5), 2)) {
      Certificate certificate =
          new KernelCertification(algebra, new LayerProof())
              .certify(drawn.jacobian(), Progress.NONE, Cancellation.NEVER);
      assertThat(certificate.outcome()).isEqualTo(Outcome.CERTIFIED);
      double bound = certificate.sigmaMinLowerBound().getAsDouble();
      assertThat(new ExactMatrix(drawn.exact()).smallestSingularValueExceeds(bound)).isTrue();
      assertThat(bound).isLessThan(certify(drawn).sigmaMinLowerBound().getAsDouble() * 2);
    }
  }

  /** In several tiles and panels, with explicit rows, by each method. */
  @Test
  void certifiesHundredsOfRows() {
    SplittableRandom random = new SplittableRandom(2);
    List<JacobianFamily.Layer> layers =
        List.of(
            new JacobianFamily.Layer(
                gaussian(random, LARGE, 12), true, gaussian(random, 3 * LARGE, 70), false),
            new JacobianFamily.Layer(
                gaussian(random, LARGE, 30), false, gaussian(random, 3 * LARGE, 20), true));
    try (JacobianFamily.Drawn drawn = JacobianFamily.of(layers, LARGE, 3)) {
      Certificate cholesky = certify(drawn);
      assertThat(cholesky.outcome()).isEqualTo(Outcome.CERTIFIED);
      assertThat(cholesky.method()).isEqualTo(CertificateMethod.CHOLESKY);
      Certificate modular =
          new KernelCertification(algebra, new SketchedRank(() -> 5))
              .certify(drawn.jacobian(), Progress.NONE, Cancellation.NEVER);
      assertThat(modular.outcome()).isEqualTo(Outcome.CERTIFIED);
      assertThat(modular.primes().orElseThrow().seed()).isEqualTo(5);
      assertThat(KernelCarryOver.from(drawn.jacobian(), modular)).isEmpty();
      Certificate same =
          KernelCarryOver.from(drawn.jacobian(), cholesky)
              .orElseThrow()
              .certify(drawn.jacobian(), 0, 2)
              .orElseThrow();
      assertThat(same.sigmaMinLowerBound()).isEqualTo(cholesky.sigmaMinLowerBound());
      assertThat(same.method()).isEqualTo(CertificateMethod.CARRY_OVER);
    }
  }

  @Test
  void carriesNothingOverToWhatIsNotFinite() {
    double[][] inputs = {{1, 0}, {0, 0}};
    double[][] gradients = {{1, 2}, {3, 4}};
    JacobianFamily.Layer other =
        new JacobianFamily.Layer(inputs, true, new double[][] {{1, 5}, {2, 7}}, false);
    JacobianFamily.Layer dead = new JacobianFamily.Layer(inputs, false, gradients, false);
    try (JacobianFamily.Drawn drawn = JacobianFamily.of(List.of(other, dead), 2, 1);
        JacobianFamily.Drawn changed = JacobianFamily.of(List.of(other, dead), 2, 1)) {
      KernelCarryOver kept = KernelCarryOver.from(drawn.jacobian(), certify(drawn)).orElseThrow();
      assertThat(kept.certify(changed.jacobian(), 0, 1)).isPresent();
      // Its input is zero, so that it would not count.
      changed.matrices().get(3).set(1, 0, Double.NaN);
      assertThat(kept.certify(changed.jacobian(), 0, 1)).isEmpty();
    }
  }

  @Test
  void stopsWhenCancelled() {
    SplittableRandom random = new SplittableRandom(3);
    try (JacobianFamily.Drawn drawn =
        layer(gaussian(random, 6, 3), true, gaussian(random, 6, 4), 1)) {
      assertThatThrownBy(() -> automatic.certify(drawn.jacobian(), Progress.NONE, () -> true))
          .isInstanceOf(CertificationCancelledException.class);
    }
  }

  @Test
  void namesEntriesThatAreNotFinite() {
    try (JacobianFamily.Drawn drawn = layer(new double[][] {{1}}, true, new double[][] {{1}}, 1)) {
      KhatriRaoRows factors = (KhatriRaoRows) drawn.jacobian().layers().get(0);
      drawn.matrices().get(1).set(0, 0, Double.NaN);
      assertThatThrownBy(() -> certify(drawn))
          .isInstanceOf(NonFiniteEntryException.class)
          .hasMessage(
              "the entry of the output gradients of layer %s in row 0, column 0 (both counted from"
                  + " 0) is NaN; a certificate needs finite entries",
              factors.layer());
    }
  }

  @Test
  void saysHowMuchMemoryIsMissing() {
    ExplicitRows.Source rows =
        new ExplicitRows.Source() {
          @Override
          public long columns() {
            return 1_000_000;
          }

          @Override
          public void rows(int example, long fromColumn, int length, double[] into) {
            Arrays.fill(into, 0);
            if (example >= fromColumn && example < fromColumn + length) {
              into[(int) (example - fromColumn)] = 1;
            }
          }
        };
    JacobianStructure structure =
        new JacobianStructure(Optional.empty(), new int[1_000_000], List.of(new int[0]));
    JacobianExamination examination =
        new JacobianExamination(
            new FactoredJacobian(1_000_000, 1, List.of(new ExplicitRows("conv", rows))),
            structure,
            algebra,
            new Stopwatch(),
            Progress.NONE,
            Cancellation.NEVER);
    assertThatThrownBy(() -> new GramProof().find(examination))
        .isInstanceOf(InsufficientMemoryException.class)
        .hasMessageContaining("certifying 1000000 rows by their Gram matrix needs 74");
    assertThatThrownBy(() -> new SketchedRank().find(examination))
        .isInstanceOf(InsufficientMemoryException.class)
        .hasMessageContaining("the rank of a Jacobian of 1000000 rows modulo a small prime needs");
  }

  @Test
  void refusesFactorsThatDoNotFitTogether() {
    try (JacobianFamily.Drawn drawn =
        layer(new double[][] {{1}, {2}}, true, new double[][] {{1}, {2}}, 1)) {
      assertThatThrownBy(() -> new FactoredJacobian(2, 3, drawn.jacobian().layers()))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage(
              "layer layer0 has inputs of 2 examples and 2 gradients of outputs; 2 examples with 3"
                  + " outputs need 2 and 6");
    }
  }

  private static double[][] gaussian(SplittableRandom random, int rows, int columns) {
    double[][] matrix = new double[rows][columns];
    for (double[] row : matrix) {
      Arrays.setAll(row, j -> (float) random.nextGaussian());
    }
    return matrix;
  }
}
