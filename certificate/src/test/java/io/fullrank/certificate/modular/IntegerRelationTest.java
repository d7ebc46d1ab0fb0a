package io.fullrank.certificate.modular;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.result.Cancellation;
import io.fullrank.certificate.result.CertificationCancelledException;
import java.math.BigDecimal;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

class IntegerRelationTest {

  private static final long MOST = IntegerRelation.MAX_COEFFICIENT;

  @Test
  void aRowHasOneCoefficient() {
    // Twice the same row would always cancel out.
    assertThatThrownBy(() -> new IntegerRelation(List.of(3, 3), List.of(1L, -1L)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("rows [3, 3], coefficients [1, -1]");
    assertThatThrownBy(() -> new IntegerRelation(List.of(3, 4), List.of(1L)))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void sumsThatAreZeroAndSumsThatAreTheSmallestNumberAreToldApart() {
    double tiny = Double.MIN_VALUE;
    double huge = Double.MAX_VALUE;
    assertHolds(new double[][] {{huge, tiny, 0, -0.0}, {-huge, -tiny, 0, 0.0}}, 1, 1);
    assertHolds(new double[][] {{huge}, {huge}, {-huge}}, MOST, -1, MOST - 1);
    assertHolds(new double[][] {{tiny, 3}, {tiny, 3}}, MOST, -MOST);
    assertHolds(new double[][] {{0x1p-1074, 0x1p900}, {0x1p-1014, 0x1p960}}, 1L << 60, -1);
    assertFails(new double[][] {{huge, tiny}, {-huge, 0}}, 1, 1);
    assertFails(new double[][] {{huge}, {-Math.nextDown(huge)}}, 1, 1);
    assertFails(new double[][] {{huge}, {tiny}, {-huge}}, 1, 1, 1);
    assertFails(new double[][] {{tiny}, {tiny}}, MOST, 1 - MOST);
    assertFails(new double[][] {{-tiny}}, 1);
    assertFails(new double[][] {{-huge}}, MOST);
    assertFails(new double[][] {{1}, {1}}, 0, 0);
  }

  /** Against decimal arithmetic; half of the sums are made zero by a last row. */
  @Test
  void agreesWithDecimalArithmetic() {
    SplittableRandom random = new SplittableRandom(1);
    int zeros = 0;
    for (int k = 0; k < 3000; k++) {
      int n = random.nextInt(2, 7);
      long[] coefficients = random.longs(n, -MOST, MOST + 1).toArray();
      int shift = random.nextInt(62);
      for (int i = 0; i < n; i++) {
        coefficients[i] >>= shift;
      }
      double[][] rows = new double[n][1];
      int exponent = random.nextInt(-1074, 900);
      for (int i = 0; i < n; i++) {
        rows[i][0] = Math.scalb((double) random.nextInt(-20, 21), exponent + random.nextInt(1, 60));
      }
      coefficients[n - 1] = 1;
      if (random.nextBoolean()) {
        rows[n - 1][0] = -sum(rows, coefficients, n - 1).doubleValue();
      }
      boolean zero = sum(rows, coefficients, n).signum() == 0;
      zeros += zero ? 1 : 0;
      assertThat(holds(rows, coefficients)).isEqualTo(zero);
    }
    assertThat(zeros).isBetween(300, 2000);
  }

  private static BigDecimal sum(double[][] rows, long[] coefficients, int count) {
    BigDecimal sum = BigDecimal.ZERO;
    for (int i = 0; i < count; i++) {
      sum = sum.add(new BigDecimal(rows[i][0]).multiply(BigDecimal.valueOf(coefficients[i])));
    }
    return sum;
  }

  /** Every column counts, in every tile of them and on every thread. */
  @Test
  void looksAtAllColumns() {
    int columns = 1000;
    double[][] rows = new double[2][columns];
    for (int j = 0; j < columns; j++) {
      rows[0][j] = j + 1;
      rows[1][j] = -0.5 * (j + 1);
    }
    assertHolds(rows, 1, 2);
    for (int j : new int[] {0, 127, 128, 700, 999}) {
      rows[1][j] = Math.nextUp(rows[1][j]);
      assertFails(rows, 1, 2);
      rows[1][j] = -0.5 * (j + 1);
    }
  }

  @Test
  void isCancelled() {
    try (Matrix matrix = Matrix.of(new double[][] {{1}, {1}})) {
      IntegerRelation relation = new IntegerRelation(List.of(0, 1), List.of(1L, -1L));
      assertThatThrownBy(() -> relation.holds(matrix, 1, () -> true))
          .isInstanceOf(CertificationCancelledException.class);
    }
  }

  private static void assertHolds(double[][] rows, long... coefficients) {
    assertThat(holds(rows, coefficients)).isTrue();
  }

  private static void assertFails(double[][] rows, long... coefficients) {
    assertThat(holds(rows, coefficients)).isFalse();
  }

  private static boolean holds(double[][] rows, long... coefficients) {
    try (Matrix matrix = Matrix.of(rows)) {
      return new IntegerRelation(
              IntStream.range(0, rows.length).boxed().toList(),
              LongStream.of(coefficients).boxed().toList())
          .holds(matrix, 2, Cancellation.NEVER);
    }
  }
}
