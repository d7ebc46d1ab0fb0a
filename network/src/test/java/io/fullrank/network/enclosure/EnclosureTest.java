package io.fullrank.network.enclosure;

import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigDecimal;
import java.util.Random;
import java.util.function.BiFunction;
import java.util.function.Function;
import org.junit.jupiter.api.Test;

/** Enclosures against arithmetic with 60 digits. */
class EnclosureTest {

  private static final int TRIALS = 2000;

  private final Random random = new Random(1);

  /** A double-double of any size with a radius, and a number that it encloses. */
  private record Enclosed(Enclosure enclosure, BigDecimal exact) {}

  private Enclosed any() {
    double high = random.nextGaussian() * Math.scalb(1.0, random.nextInt(60) - 30);
    double low = high * (random.nextDouble() - 0.5) * 0x1p-53;
    Enclosure centre = Enclosure.ofSum(high, low, 0);
    double radius =
        random.nextInt(3) == 0 ? 0 : Math.abs(high) * Math.scalb(1.0, -random.nextInt(110));
    double off = radius * (2 * random.nextInt(2) - 1);
    return new Enclosed(
        new Enclosure(centre.high(), centre.low(), radius),
        new BigDecimal(centre.high()).add(new BigDecimal(centre.low())).add(new BigDecimal(off)));
  }

  private static void assertEncloses(Enclosure enclosure, BigDecimal exact) {
    assertThat(MultiPrecision.encloses(enclosure, exact))
        .as("%s encloses %s", enclosure, exact)
        .isTrue();
    assertThat(Math.abs(enclosure.low())).isLessThanOrEqualTo(Math.ulp(enclosure.high()) / 2);
  }

  @Test
  void sumsAndProductsAreEnclosed() {
    for (int i = 0; i < TRIALS; i++) {
      Enclosed a = any();
      Enclosed b = any();
      assertEncloses(a.enclosure.plus(b.enclosure), a.exact.add(b.exact));
      assertEncloses(a.enclosure.minus(b.enclosure), a.exact.subtract(b.exact));
      assertEncloses(a.enclosure.times(b.enclosure), a.exact.multiply(b.exact));
    }
  }

  @Test
  void sumsThatCancelAreEnclosed() {
    for (int i = 0; i < TRIALS; i++) {
      Enclosed a = any();
      Enclosure near = a.enclosure.times(-1 - Math.scalb(1.0, -random.nextInt(110))).centre();
      assertEncloses(
          a.enclosure.plus(near),
          a.exact.add(new BigDecimal(near.high())).add(new BigDecimal(near.low())));
    }
  }

  @Test
  void quotientsAndRootsAreEnclosedOrUnbounded() {
    int bounded = 0;
    for (int i = 0; i < TRIALS; i++) {
      Enclosed a = any();
      Enclosed b = any();
      Enclosure quotient = a.enclosure.dividedBy(b.enclosure);
      if (Double.isFinite(quotient.radius())) {
        assertEncloses(quotient, a.exact.divide(b.exact, MultiPrecision.DIGITS));
        bounded++;
      }
      Enclosure root = b.enclosure.squareRoot();
      if (Double.isFinite(root.radius())) {
        assertEncloses(root, b.exact.sqrt(MultiPrecision.DIGITS));
        bounded++;
      }
    }
    assertThat(bounded).isGreaterThan(TRIALS);
  }

  @Test
  void whatMayBeZeroDividesNothing() {
    assertThat(Enclosure.ONE.dividedBy(new Enclosure(1, 0, 1)).radius()).isInfinite();
    assertThat(new Enclosure(1, 0, 1).squareRoot().radius()).isInfinite();
  }

  @Test
  void overflowLeavesNoFiniteRadius() {
    Enclosure huge = Enclosure.of(Double.MAX_VALUE);
    assertThat(huge.plus(huge).radius()).isNotFinite();
    assertThat(huge.times(2).radius()).isNotFinite();
    assertThat(huge.plus(huge).negated().plus(huge).radius()).isNotFinite();
  }

  @Test
  void exponentialsAreEnclosed() {
    assertFunction(ElementaryFunctions::exp, MultiPrecision::exp, -90, 0);
  }

  @Test
  void logarithmsAreEnclosed() {
    assertFunction(ElementaryFunctions::log1p, t -> MultiPrecision.ln(BigDecimal.ONE.add(t)), 0, 1);
  }

  @Test
  void normalDistributionIsEnclosed() {
    random.setSeed(2);
    for (int i = 0; i < 100; i++) {
      double z = 30 * random.nextDouble() - 15;
      Enclosure value = ElementaryFunctions.normalDistribution(Enclosure.of(z));
      assertEncloses(value, MultiPrecision.normalDistribution(new BigDecimal(z)));
      assertThat(value.radius()).isLessThan(1e-28);
    }
  }

  private void assertFunction(
      BiFunction<Enclosure, Precision, Enclosure> function,
      Function<BigDecimal, BigDecimal> exact,
      double from,
      double to) {
    for (int i = 0; i < 500; i++) {
      double magnitude = Math.scalb(random.nextDouble(), -random.nextInt(70));
      double high = from == 0 ? to * magnitude : from * magnitude;
      Enclosure x = Enclosure.ofSum(high, high * 0x1p-54 * random.nextDouble(), 0);
      BigDecimal value = exact.apply(new BigDecimal(x.high()).add(new BigDecimal(x.low())));
      Enclosure inDoubleDouble = function.apply(x, Precision.DOUBLE_DOUBLE);
      Enclosure inDouble = function.apply(x, Precision.DOUBLE);
      assertEncloses(inDoubleDouble, value);
      assertEncloses(inDouble, value);
      assertThat(inDoubleDouble.radius()).isLessThan(1e-29);
      assertThat(inDouble.radius()).isLessThan(1e-13);
    }
  }

  @Test
  void boundsAreOnTheRightSide() {
    for (int i = 0; i < TRIALS; i++) {
      Enclosed a = any();
      assertThat(new BigDecimal(a.enclosure.upper())).isGreaterThanOrEqualTo(a.exact);
      assertThat(new BigDecimal(a.enclosure.lower())).isLessThanOrEqualTo(a.exact);
      assertThat(new BigDecimal(a.enclosure.magnitude())).isGreaterThanOrEqualTo(a.exact.abs());
      assertThat(new BigDecimal(a.enclosure.leastMagnitude())).isLessThanOrEqualTo(a.exact.abs());
      assertThat(new BigDecimal(a.enclosure.distanceFromHigh()))
          .isGreaterThanOrEqualTo(a.exact.subtract(new BigDecimal(a.enclosure.high())).abs());
    }
  }
}
