package io.fullrank.certificate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import io.fullrank.certificate.backend.openblas.OpenBlas;
import io.fullrank.certificate.cholesky.VerifiedCholesky;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.modular.ModularRank;
import io.fullrank.certificate.result.Certificate;
import io.fullrank.certificate.result.CertificateMethod;
import io.fullrank.certificate.result.Outcome;
import java.math.BigDecimal;
import java.math.MathContext;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class CarryOverTest {

  private static final MathContext DIGITS = new MathContext(60);

  private final RankCertification certification =
      new RankCertification(new OpenBlas(1), new VerifiedCholesky());

  @Test
  void whatIsLeftOfTheBoundIsTheOldOneLessTheDistance() {
    try (Matrix reference = Matrix.of(new double[][] {{3, 0, 0}, {0, 4, 0}});
        Matrix next = Matrix.of(new double[][] {{3, 0.5, 0}, {0, 4, 0}})) {
      Certificate fresh = certification.certify(reference);
      double sigma = fresh.sigmaMinLowerBound().getAsDouble();
      try (CarryOver carryOver = CarryOver.from(reference, fresh, 1).orElseThrow()) {
        Certificate carried = carryOver.certify(next, 0, 1).orElseThrow();

        assertThat(carried.outcome()).isEqualTo(Outcome.CERTIFIED);
        assertThat(carried.method()).isEqualTo(CertificateMethod.CARRY_OVER);
        assertThat(carried.rankLowerBound()).isEqualTo(2);
        assertThat(carried.sigmaMinLowerBound().getAsDouble())
            .isLessThanOrEqualTo(sigma - 0.5)
            .isGreaterThan(sigma - 0.5 - 1e-12);
        assertThat(carried.sigmaMaxUpperBound().getAsDouble())
            .isGreaterThanOrEqualTo(fresh.sigmaMaxUpperBound().getAsDouble() + 0.5)
            .isLessThan(fresh.sigmaMaxUpperBound().getAsDouble() + 0.5 + 1e-12);
        assertThat(carried.reason()).contains("differs").contains("0.5");
      }
    }
  }

  @Test
  void carriesOverBoundsThatWereProvenElsewhere() {
    try (Matrix reference = Matrix.of(new double[][] {{3, 0, 0}, {0, 4, 0}});
        Matrix next = Matrix.of(new double[][] {{3, 0.5, 0}, {0, 4, 0}});
        CarryOver carryOver = CarryOver.from(reference, 2.5, OptionalDouble.empty(), 1)) {
      Certificate carried = carryOver.certify(next, 0, 1).orElseThrow();

      assertThat(carried.sigmaMinLowerBound().getAsDouble())
          .isLessThanOrEqualTo(2)
          .isCloseTo(2, within(1e-12));
      assertThat(carried.sigmaMaxUpperBound()).isEmpty();
    }
  }

  @ParameterizedTest
  @ValueSource(doubles = {0, -1, Double.NaN, Double.POSITIVE_INFINITY})
  void refusesABoundFromWhichNothingFollows(double bound) {
    try (Matrix reference = Matrix.of(new double[][] {{3, 0, 0}, {0, 4, 0}})) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> CarryOver.from(reference, bound, OptionalDouble.empty(), 1))
          .withMessageContaining("positive and finite");
    }
  }

  @Test
  void theSameMatrixKeepsTheWholeBound() {
    try (Matrix reference = Matrix.of(new double[][] {{3, 0.1, 0}, {0, 4, 0}})) {
      Certificate fresh = certification.certify(reference);
      try (CarryOver carryOver = CarryOver.from(reference, fresh, 2).orElseThrow()) {
        Certificate carried =
            carryOver.certify(reference, fresh.sigmaMinLowerBound().getAsDouble(), 2).orElseThrow();

        assertThat(carried.sigmaMinLowerBound()).isEqualTo(fresh.sigmaMinLowerBound());
        assertThat(carried.reason()).isEqualTo("the matrix is the one certified before");
      }
    }
  }

  @ParameterizedTest
  @ValueSource(doubles = {3.01, 1e200, Double.NaN, Double.POSITIVE_INFINITY})
  void nothingIsCarriedOverFurtherThanTheSmallestSingularValue(double entry) {
    try (Matrix reference = Matrix.of(new double[][] {{3, 0, 0}, {0, 4, 0}});
        Matrix next = Matrix.of(new double[][] {{3, 0, entry}, {0, 4, 0}})) {
      Certificate fresh = certification.certify(reference);
      try (CarryOver carryOver = CarryOver.from(reference, fresh, 1).orElseThrow()) {
        assertThat(carryOver.certify(next, 0, 1)).isEmpty();
      }
    }
  }

  @Test
  void aBoundThatIsTooSmallIsNotCarriedOver() {
    try (Matrix reference = Matrix.of(new double[][] {{3, 0, 0}, {0, 4, 0}});
        Matrix next = Matrix.of(new double[][] {{3, 0, 2}, {0, 4, 0}})) {
      Certificate fresh = certification.certify(reference);
      try (CarryOver carryOver = CarryOver.from(reference, fresh, 1).orElseThrow()) {
        assertThat(carryOver.certify(next, 0.8, 1)).isPresent();
        assertThat(carryOver.certify(next, 1.1, 1)).isEmpty();
      }
    }
  }

  @Test
  void aMatrixOfAnotherShapeIsAnotherMatrix() {
    try (Matrix reference = Matrix.of(new double[][] {{3, 0, 0}, {0, 4, 0}});
        Matrix wider = Matrix.of(new double[][] {{3, 0, 0, 0}, {0, 4, 0, 0}})) {
      Certificate fresh = certification.certify(reference);
      try (CarryOver carryOver = CarryOver.from(reference, fresh, 1).orElseThrow()) {
        assertThat(carryOver.certify(wider, 0, 1)).isEmpty();
      }
    }
  }

  @Test
  void whatIsNotCertifiedWithABoundIsNotCarriedOver() {
    try (Matrix refuted = Matrix.of(new double[][] {{1, 2}, {1, 2}});
        Matrix byPrimes = Matrix.of(new double[][] {{1, 1}, {1, 1 + 0x1p-52}})) {
      Certificate certified =
          new RankCertification(new OpenBlas(1), new ModularRank()).certify(byPrimes);

      assertThat(certified.outcome()).isEqualTo(Outcome.CERTIFIED);
      assertThat(CarryOver.from(byPrimes, certified, 1)).isEmpty();
      assertThat(CarryOver.from(refuted, certification.certify(refuted), 1)).isEmpty();
    }
  }

  @Test
  void singlesTakeHalfTheMemory() {
    try (Matrix singles = Matrix.of(new double[][] {{0.5, 2}, {0, 1}});
        Matrix doubles = Matrix.of(new double[][] {{0.5 + 0x1p-40, 2}, {0, 1}});
        CarryOver half = CarryOver.from(singles, certification.certify(singles), 1).orElseThrow();
        CarryOver full = CarryOver.from(doubles, certification.certify(doubles), 1).orElseThrow()) {
      assertThat(half.bytes()).isEqualTo(16).isEqualTo(CarryOver.leastBytes(doubles));
      assertThat(full.bytes()).isEqualTo(32);
      assertThat(full.certify(doubles, 0, 1)).isPresent();
      assertThat(full.certify(singles, 0, 1)).isPresent();
    }
  }

  /** The bound must never exceed what exact arithmetic leaves of the old one. */
  @ParameterizedTest
  @CsvSource({"1, 1, 1", "7, 30, 2", "40, 61, 3", "5, 1000, 2"})
  void noBoundIsAboveTheExactOne(int n, int c, int threads) {
    SplittableRandom random = new SplittableRandom(n);
    for (int trial = 0; trial < 40; trial++) {
      double[][] rows = new double[n][c];
      double[][] moved = new double[n][c];
      double size = Math.scalb(1.0, -random.nextInt(4, 60));
      BigDecimal squares = BigDecimal.ZERO;
      for (int i = 0; i < n; i++) {
        for (int j = 0; j < c; j++) {
          double entry = random.nextDouble(-1, 1) + (i == j ? c : 0);
          rows[i][j] = trial % 2 == 0 ? (float) entry : entry;
          moved[i][j] = rows[i][j] + size * random.nextDouble(-1, 1);
          BigDecimal difference = new BigDecimal(moved[i][j]).subtract(new BigDecimal(rows[i][j]));
          squares = squares.add(difference.multiply(difference));
        }
      }
      try (Matrix reference = Matrix.of(rows);
          Matrix next = Matrix.of(moved)) {
        Certificate fresh = certification.certify(reference);
        try (CarryOver carryOver = CarryOver.from(reference, fresh, threads).orElseThrow()) {
          BigDecimal exact =
              new BigDecimal(fresh.sigmaMinLowerBound().getAsDouble())
                  .subtract(squares.sqrt(DIGITS));
          Optional<Certificate> carried = carryOver.certify(next, 0, threads);
          assertThat(carried).isPresent();
          double bound = carried.get().sigmaMinLowerBound().getAsDouble();
          assertThat(new BigDecimal(bound)).isLessThanOrEqualTo(exact);
          assertThat(bound).isGreaterThan(exact.doubleValue() * (1 - 1e-9));
        }
      }
    }
  }
}
