package io.fullrank.certificate.modular;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PrimeDrawTest {

  /** Softplus features have minors of about 153 bits a row. */
  @ParameterizedTest
  @CsvSource({
    "2, false, 3",
    "2000, false, 10",
    "7800, true, 6",
    "20000, true, 8",
    "60000, true, 13"
  })
  void twentyFourPrimesAreEnoughForSixtyThousandRows(int rows, boolean wide, int count) {
    PrimeDraw draw = PrimeDraw.against(153.0 * rows);

    assertThat(draw.wide()).isEqualTo(wide);
    assertThat(draw.count()).isEqualTo(count).isLessThan(ModularRank.DEFAULT_MAX_PRIMES);
    assertThat(draw.allWrong()).isLessThanOrEqualTo(ModularRank.MAX_FALSE_REFUTATION);
    assertThat(draw.allWrong() / draw.perPrime()).isGreaterThan(ModularRank.MAX_FALSE_REFUTATION);
    // Of the primes above 2^25, or 2^21, at most so many divide the minor.
    double bad = 153.0 * rows / (wide ? 25 : 21);
    double all = wide ? 1_894_120 : 140_336;
    assertThat(draw.perPrime()).isBetween((bad - 1) / all, bad / all * (1 + 1e-15));
  }

  @Test
  void noneIsNeededWhereTheMinorIsBelowEveryPrimeAndNoneIsEnoughWhereItIsTooLong() {
    assertThat(PrimeDraw.against(20.9)).isEqualTo(new PrimeDraw(false, 0, 0));
    assertThat(PrimeDraw.against(20.9).allWrong()).isZero();
    assertThat(PrimeDraw.against(25.0 * 1_894_120).count()).isEqualTo(PrimeDraw.NEVER);
    assertThat(PrimeDraw.against(25.0 * 1_894_119).count())
        .isGreaterThan(ModularRank.DEFAULT_MAX_PRIMES)
        .isLessThan(PrimeDraw.NEVER);
  }
}
