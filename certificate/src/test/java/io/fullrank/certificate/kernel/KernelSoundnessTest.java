package io.fullrank.certificate.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import io.fullrank.certificate.ExactMatrix;
import io.fullrank.certificate.backend.DenseLinearAlgebra;
import io.fullrank.certificate.backend.openblas.OpenBlas;
import io.fullrank.certificate.matrix.Rows;
import io.fullrank.certificate.result.Cancellation;
import io.fullrank.certificate.result.Certificate;
import io.fullrank.certificate.result.Outcome;
import io.fullrank.certificate.result.Progress;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** No verdict and no bound on thousands of small Jacobians is false, judged in exact arithmetic. */
class KernelSoundnessTest {

  private static final int JACOBIANS_PER_FAMILY = 556;
  private static final int MOVED_PER_FAMILY = 100;

  /** Each method alone is tried on every eighth. */
  private static final int EIGHTH = 8;

  private final DenseLinearAlgebra algebra = new OpenBlas(1);
  private final SplittableRandom seeds = new SplittableRandom(7);
  private final KernelCertification automatic =
      new KernelCertification(
          algebra, new GramProof(), new LayerProof(), new SketchedRank(seeds::nextLong));
  private final List<KernelCertification> single =
      List.of(
          new KernelCertification(algebra, new LayerProof()),
          new KernelCertification(algebra, new SketchedRank(seeds::nextLong)));

  @ParameterizedTest
  @EnumSource
  void isNeverWrong(JacobianFamily family) {
    int full = 0;
    int certified = 0;
    int refuted = 0;
    for (int k = 0; k < JACOBIANS_PER_FAMILY; k++) {
      try (JacobianFamily.Drawn drawn = family.draw(k)) {
        int rank = drawn.rank();
        boolean isFull = rank == drawn.jacobian().rows();
        full += isFull ? 1 : 0;
        Outcome outcome = certify(automatic, drawn, rank, family + " " + k);
        certified += outcome == Outcome.CERTIFIED ? 1 : 0;
        refuted += outcome == Outcome.REFUTED ? 1 : 0;
        if (k % EIGHTH == 0) {
          single.forEach(method -> certify(method, drawn, rank, family + " alone"));
        }
      }
    }
    // Only what is neither of full rank modulo small primes nor well-conditioned stays open.
    assertThat(certified).isGreaterThanOrEqualTo(full - full / 50);
    assertThat(certified + refuted).isGreaterThan(JACOBIANS_PER_FAMILY / 2);
    assertThat(full).isBetween(JACOBIANS_PER_FAMILY / 20, JACOBIANS_PER_FAMILY);
    assertThat(refuted).isGreaterThan(JACOBIANS_PER_FAMILY / 20);
  }

  private static Outcome certify(
      KernelCertification certification, JacobianFamily.Drawn drawn, int rank, String name) {
    Certificate certificate =
        certification.certify(drawn.jacobian(), Progress.NONE, Cancellation.NEVER);
    requireTrue(certificate, rank, drawn, name + " of rank " + rank + ": " + certificate);
    return certificate.outcome();
  }

  /** The factors of one Jacobian are moved a little, and its certificate is carried over. */
  @ParameterizedTest
  @EnumSource
  void carriesOverOnlyTrueBounds(JacobianFamily family) {
    int carried = 0;
    for (int k = 0; k < MOVED_PER_FAMILY; k++) {
      try (JacobianFamily.Drawn drawn = family.draw(k);
          JacobianFamily.Drawn other = moved(drawn, k)) {
        Certificate certificate =
            automatic.certify(drawn.jacobian(), Progress.NONE, Cancellation.NEVER);
        Optional<Certificate> next =
            KernelCarryOver.from(drawn.jacobian(), certificate)
                .flatMap(kept -> kept.certify(other.jacobian(), 0, 1));
        if (next.isPresent()) {
          carried++;
          requireTrue(next.get(), other.rank(), other, family + " " + k + " moved: " + next.get());
        }
      }
    }
    assertThat(carried).isPositive();
  }

  private static JacobianFamily.Drawn moved(JacobianFamily.Drawn drawn, long seed) {
    SplittableRandom random = new SplittableRandom(seed).split();
    double step = Math.scalb(1.0, -random.nextInt(3, 40));
    List<JacobianFamily.Layer> layers =
        drawn.jacobian().layers().stream().map(layer -> moved(layer, drawn, random, step)).toList();
    return JacobianFamily.of(layers, drawn.jacobian().examples(), drawn.jacobian().outputs());
  }

  private static JacobianFamily.Layer moved(
      LayerJacobian layer, JacobianFamily.Drawn drawn, SplittableRandom random, double step) {
    if (layer instanceof KhatriRaoRows factors) {
      return new JacobianFamily.Layer(
          moved(factors.inputs(), random, step),
          factors.bias(),
          moved(factors.outputGradients(), random, step),
          false);
    }
    // Explicit rows: as gradients times an input of 1.
    double[][] values = ((JacobianFamily.Held) ((ExplicitRows) layer).rows()).values();
    double[][] ones = new double[drawn.jacobian().examples()][1];
    for (double[] one : ones) {
      one[0] = 1;
    }
    double[][] rows = new double[values.length][];
    for (int i = 0; i < rows.length; i++) {
      rows[i] = moved(values[i], random, step);
    }
    return new JacobianFamily.Layer(ones, false, rows, true);
  }

  private static double[][] moved(Rows matrix, SplittableRandom random, double step) {
    double[][] rows = new double[(int) matrix.rows()][(int) matrix.columns()];
    for (int i = 0; i < rows.length; i++) {
      matrix.getRow(i, 0, rows[i], 0, rows[i].length);
      rows[i] = moved(rows[i], random, step);
    }
    return rows;
  }

  private static double[] moved(double[] row, SplittableRandom random, double step) {
    double[] result = row.clone();
    for (int j = 0; j < row.length; j++) {
      double next = row[j] + row[j] * step * random.nextDouble(-1, 1);
      result[j] = Double.isFinite(next) ? next : row[j];
    }
    return result;
  }

  private static void requireTrue(
      Certificate certificate, int rank, JacobianFamily.Drawn drawn, String shown) {
    int rows = drawn.jacobian().rows();
    if (certificate.outcome() == Outcome.CERTIFIED) {
      assertThat(rank).as(shown).isEqualTo(rows);
    }
    if (certificate.outcome() == Outcome.REFUTED) {
      assertThat(rank).as(shown).isLessThan(rows);
    }
    assertThat(certificate.rankLowerBound()).as(shown).isLessThanOrEqualTo(rank);
    certificate
        .sigmaMinLowerBound()
        .ifPresent(
            bound ->
                assertThat(new ExactMatrix(drawn.exact()).smallestSingularValueExceeds(bound))
                    .as(shown)
                    .isTrue());
    certificate
        .sigmaMaxUpperBound()
        .ifPresent(
            bound ->
                assertThat(new ExactMatrix(drawn.exact()).largestSingularValueIsBelow(bound))
                    .as(shown)
                    .isTrue());
  }
}
