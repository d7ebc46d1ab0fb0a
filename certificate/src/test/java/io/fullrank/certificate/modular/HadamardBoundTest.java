package io.fullrank.certificate.modular;

import static org.assertj.core.api.Assertions.assertThat;

import io.fullrank.certificate.matrix.Matrix;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class HadamardBoundTest {

  /** Column scaling does not help: the largest exponents of all columns are the same. */
  @Test
  void agreesWithExactNorms() {
    SplittableRandom random = new SplittableRandom(1);
    int atTheEdge = 0;
    for (int k = 0; k < 2000; k++) {
      int n = random.nextInt(1, 20);
      int c = random.nextInt(1, 30);
      double[][] matrix = new double[n][c];
      for (double[] row : matrix) {
        int exponent = random.nextInt(-1060, 990);
        for (int j = 0; j < c; j++) {
          row[j] = Math.scalb(1.0 * random.nextInt(-1000, 1001), exponent + random.nextInt(20));
        }
      }
      matrix[0] = IntStream.range(0, c).mapToDouble(j -> Math.scalb(1.5, 1020)).toArray();
      BigInteger squares = BigInteger.ONE;
      for (double[] row : matrix) {
        squares = squares.multiply(squaredNormOfIntegers(row));
      }
      // 2^(21d) ≤ √squares
      int exact = (squares.bitLength() - 1) / 42;
      long bound = bound(matrix);
      assertThat(bound).isBetween((long) exact, exact + 1L);
      atTheEdge += bound > exact ? 1 : 0;
    }
    assertThat(atTheEdge).isLessThan(3);
  }

  private static BigInteger squaredNormOfIntegers(double[] row) {
    BigInteger scale = BigInteger.TWO.pow(1074);
    BigInteger common = BigInteger.ZERO;
    BigInteger squares = BigInteger.ZERO;
    for (double x : row) {
      BigInteger integer = new BigDecimal(x).multiply(new BigDecimal(scale)).toBigIntegerExact();
      common = common.gcd(integer);
      squares = squares.add(integer.pow(2));
    }
    if (common.signum() == 0) {
      return BigInteger.ONE;
    }
    return squares.shiftRight(2 * common.getLowestSetBit());
  }

  @Test
  void columnsOfDifferentMagnitudeCostNothing() {
    double[][] matrix = {{3, 1, 5}, {1, 7, 1}, {9, 2, 4}};
    double[][] scaled = new double[3][3];
    for (int i = 0; i < 3; i++) {
      for (int j = 0; j < 3; j++) {
        scaled[i][j] = Math.scalb(matrix[i][j], 700 * (j - 1) - 20 * i);
      }
    }
    assertThat(bound(matrix)).isZero();
    assertThat(bound(scaled)).isZero();
    scaled[0][0] = scaled[0][2];
    assertThat(bound(scaled)).isGreaterThan(0);
  }

  @Test
  void theLargestMinorsAreCovered() {
    // Hadamard's matrix of order 4, times p, attains the bound: its determinant is 2^4·p^4.
    double p = 2097169;
    double[][] matrix = {{p, p, p, p}, {p, -p, p, -p}, {p, p, -p, -p}, {p, -p, -p, p}};
    assertThat(bound(matrix)).isEqualTo(4);
    assertThat(bound(new double[][] {{0x1p20 - 1}})).isZero();
    assertThat(bound(new double[][] {{p}})).isEqualTo(1);
    assertThat(bound(new double[][] {{Double.MIN_VALUE}})).isZero();
    assertThat(bound(new double[][] {{Double.MAX_VALUE}})).isEqualTo(2);
  }

  private static long bound(double[][] matrix) {
    List<Integer> rows = IntStream.range(0, matrix.length).boxed().toList();
    try (Matrix phi = Matrix.of(matrix)) {
      return (long) (HadamardBound.bitsOfTheMinor(phi, rows) / 21);
    }
  }
}
