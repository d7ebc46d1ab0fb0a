package io.fullrank.cli.terminal;

import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigDecimal;
import java.util.Random;
import org.junit.jupiter.api.Test;

class DecimalsTest {

  @Test
  void roundsALowerBoundDown() {
    assertThat(Decimals.lowerBound(0.0019999)).isEqualTo("0.00199");
    assertThat(Decimals.lowerBound(1.2399e-7)).isEqualTo("1.23e-7");
    assertThat(Decimals.lowerBound(2)).isEqualTo("2");
  }

  @Test
  void roundsAnUpperBoundUp() {
    assertThat(Decimals.upperBound(481.01)).isEqualTo("482");
    assertThat(Decimals.upperBound(0.99999)).isEqualTo("1");
    assertThat(Decimals.upperBound(1.2301e12)).isEqualTo("1.24e12");
    assertThat(Decimals.upperBound(Double.POSITIVE_INFINITY)).isEqualTo("∞");
  }

  @Test
  void printsBoundsThatAreStillTrue() {
    Random random = new Random(1);
    for (int i = 0; i < 10_000; i++) {
      double value = Math.scalb(random.nextDouble(), random.nextInt(400) - 200);
      BigDecimal exact = new BigDecimal(value);
      assertThat(new BigDecimal(Decimals.lowerBound(value))).isLessThanOrEqualTo(exact);
      assertThat(new BigDecimal(Decimals.upperBound(value))).isGreaterThanOrEqualTo(exact);
    }
  }

  @Test
  void printsFractionsAsPerCent() {
    assertThat(Decimals.percent(0.0731)).isEqualTo("7.3%");
    assertThat(Decimals.points(0.0005)).isEqualTo("0.0");
    assertThat(Decimals.signedPoints(0.0012)).isEqualTo("+0.1");
    assertThat(Decimals.signedPoints(-0.0021)).isEqualTo("−0.2");
    assertThat(Decimals.signedPoints(-0.00001)).isEqualTo("0.0");
  }

  @Test
  void saysWhenAMeasuredValueIsNoNumber() {
    assertThat(Decimals.measured(Double.NaN)).isEqualTo("?");
    assertThat(Decimals.percent(Double.NaN)).isEqualTo("?");
    assertThat(Decimals.measured(0)).isEqualTo("0");
    assertThat(Decimals.measured(-1234567)).isEqualTo("-1.23e6");
  }
}
