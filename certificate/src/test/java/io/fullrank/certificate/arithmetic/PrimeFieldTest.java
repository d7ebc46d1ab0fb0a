package io.fullrank.certificate.arithmetic;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Against BigInteger, for the smallest and the largest prime and two between. */
class PrimeFieldTest {

  @ParameterizedTest
  @ValueSource(ints = {2097169, 3000017, 3999971, 4194301, 33554467, 67108859})
  void reducesIntegersUpToTheEdge(int p) {
    PrimeField field = new PrimeField(p);
    for (long near :
        new long[] {
          0, p, 2L * p, 1L << 22, 1L << 42, 1L << 52, (long) PrimeField.MAX_SUM, p / 2, 3L * p / 2
        }) {
      for (long offset = -40; offset <= 40; offset++) {
        for (int sign : new int[] {1, -1}) {
          assertReduces(field, Math.min(near + offset, (long) PrimeField.MAX_SUM) * sign);
        }
      }
    }
    SplittableRandom random = new SplittableRandom(p);
    for (int k = 0; k < 100_000; k++) {
      long x = random.nextLong((long) PrimeField.MAX_SUM + 1) >> random.nextInt(50);
      assertReduces(field, random.nextBoolean() ? x : -x);
      // Where rounding of x/p could go either way, and where nothing should be left.
      long multiple = x / p * p;
      assertReduces(field, multiple);
      assertReduces(field, multiple - p / 2);
      assertReduces(field, multiple - p / 2 - 1);
    }
  }

  private static void assertReduces(PrimeField field, long x) {
    double residue = field.reduce((double) x);
    assertThat(Math.abs(residue)).as("%d", x).isLessThan(maxResidue(field));
    assertThat(residue).as("%d", x).isEqualTo(Math.rint(residue));
    assertThat(Math.floorMod((long) residue, (long) field.modulus()))
        .as("%d", x)
        .isEqualTo(Math.floorMod(x, (long) field.modulus()));
    double[] vector = {(double) x, 1};
    field.reduce(vector, 1);
    assertThat(vector).containsExactly(residue, 1);
  }

  private static double maxResidue(PrimeField field) {
    return (field.isWide() ? 0x1p25 : 0x1p21) + 4;
  }

  @ParameterizedTest
  @CsvSource({"4194301, 2047", "67108859, 7"})
  void sumsOfTheMostProductsStayWithinWhatCanBeReduced(int p, int products) {
    PrimeField field = new PrimeField(p);
    assertThat(field.maxProducts()).isEqualTo(products);
    BigInteger square = BigInteger.valueOf((long) maxResidue(field)).pow(2);
    BigInteger most = new BigDecimal(PrimeField.MAX_SUM).toBigInteger();
    assertThat(square.multiply(BigInteger.valueOf(products))).isLessThan(most);
    assertThat(square.multiply(BigInteger.valueOf(products + 1L))).isGreaterThan(most);
  }

  @ParameterizedTest
  @ValueSource(ints = {33554467, 67108859})
  void halvesOfResiduesMultiplyToTheSameClass(int p) {
    PrimeField field = new PrimeField(p);
    SplittableRandom random = new SplittableRandom(p);
    for (int k = 0; k < 20_000; k++) {
      double r = random.nextInt(-p / 2 - 4, p / 2 + 5);
      double s = random.nextInt(-p / 2 - 4, p / 2 + 5);
      double[] lower = {r};
      double[] upper = new double[1];
      double[] shifted = {s};
      PrimeField.split(lower, upper, 1);
      field.shift(shifted, 1);
      assertThat(Math.abs(lower[0])).isLessThanOrEqualTo(0x1p12);
      assertThat(Math.abs(upper[0])).isLessThanOrEqualTo(0x1p12 + 1);
      assertThat(Math.abs(shifted[0])).isLessThan(maxResidue(field));
      double sum = lower[0] * s + upper[0] * shifted[0];
      assertThat(Math.abs(sum) * PrimeField.MAX_PRODUCTS).isLessThan(PrimeField.MAX_SUM);
      assertThat(Math.floorMod((long) sum, p))
          .isEqualTo((int) Math.floorMod((long) r * (long) s, (long) p));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {2097169, 3000017, 3999971, 4194301, 33554467, 67108859})
  void mapsEveryFiniteNumberExactly(int p) {
    PrimeField field = new PrimeField(p);
    double[] edges = {
      0.0,
      -0.0,
      1,
      0.1,
      Math.PI,
      0x1.fffffffffffffp0,
      Double.MIN_VALUE,
      3 * Double.MIN_VALUE,
      Double.MIN_NORMAL,
      Math.nextDown(Double.MIN_NORMAL),
      Math.nextUp(Double.MIN_NORMAL),
      Double.MAX_VALUE,
      Math.nextDown(Double.MAX_VALUE),
      Math.scalb(1.0, 1000),
      Math.scalb(1.0, -1000),
      Float.MIN_VALUE,
      Float.MAX_VALUE,
      p,
      2.0 * p,
      Math.scalb((double) p, 900),
      Math.scalb((double) p, -1070),
      0x1p53 - 1,
      0x1p52,
      0x1p52 + 1
    };
    for (double x : edges) {
      assertMaps(field, x);
      assertMaps(field, -x);
    }
    SplittableRandom random = new SplittableRandom(p);
    for (int k = 0; k < 30_000; k++) {
      double x = Double.longBitsToDouble(random.nextLong());
      if (Double.isFinite(x)) {
        assertMaps(field, x);
      }
      assertMaps(field, Double.longBitsToDouble(random.nextLong(1L << 54)));
    }
  }

  private static void assertMaps(PrimeField field, double x) {
    BigInteger p = BigInteger.valueOf(field.modulus());
    // x·2^1074 is an integer.
    BigInteger scaled =
        new BigDecimal(x).multiply(new BigDecimal(BigInteger.TWO.pow(1074))).toBigIntegerExact();
    BigInteger expected = scaled.multiply(BigInteger.TWO.modPow(BigInteger.valueOf(-1074), p));
    double[] values = {x, x};
    field.map(values, 1);
    assertThat(Math.abs(values[0])).as("%s", x).isLessThan(maxResidue(field));
    assertThat(BigInteger.valueOf((long) values[0]).mod(p)).as("%s", x).isEqualTo(expected.mod(p));
    assertThat(values[1]).isEqualTo(x);
  }

  @Test
  void scalesAndInverts() {
    PrimeField field = new PrimeField(3000017);
    SplittableRandom random = new SplittableRandom(1);
    for (int k = 0; k < 10_000; k++) {
      double a = field.reduce(random.nextInt(1, 3000017));
      double inverse = field.invert(a);
      assertThat(field.reduce(a * inverse)).isEqualTo(1);
      double[] values = {a * a, PrimeField.MAX_SUM, 7};
      field.scale(values, 2, inverse);
      assertThat(values[0]).isEqualTo(field.reduce(a));
      assertThat(field.reduce(values[1] * a)).isEqualTo(field.reduce(PrimeField.MAX_SUM));
      assertThat(values[2]).isEqualTo(7);
    }
    assertThatThrownBy(() -> field.invert(0)).isInstanceOf(ArithmeticException.class);
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 7, 1 << 26, 67108879})
  void refusesPrimesOutOfRange(int p) {
    assertThatThrownBy(() -> new PrimeField(p)).hasMessageContaining("between 11 and 2^26");
  }
}
