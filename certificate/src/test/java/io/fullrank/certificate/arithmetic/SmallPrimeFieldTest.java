package io.fullrank.certificate.arithmetic;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SmallPrimeFieldTest {

  /** Every integer that can occur. */
  @ParameterizedTest
  @ValueSource(ints = {131, 241, 251})
  void everySumIsReducedToAResidueOfItsClass(int p) {
    SmallPrimeField field = new SmallPrimeField(p);
    float[] values = new float[1 << 12];
    long wrong = 0;
    for (int start = -SmallPrimeField.MAX_SUM;
        start <= SmallPrimeField.MAX_SUM;
        start += values.length) {
      int length = Math.min(values.length, SmallPrimeField.MAX_SUM - start + 1);
      for (int j = 0; j < length; j++) {
        values[j] = start + j;
      }
      field.reduce(values, length);
      for (int j = 0; j < length; j++) {
        int residue = (int) values[j];
        boolean right =
            residue == values[j]
                && Math.abs(residue) <= SmallPrimeField.MAX_RESIDUE
                && (start + j - residue) % p == 0;
        wrong += right ? 0 : 1;
      }
    }
    assertThat(wrong).isZero();
  }

  /** m·2^k, k negative too, with 2^-1 as the inverse of 2 modulo p. */
  @ParameterizedTest
  @ValueSource(ints = {131, 241, 251})
  void numbersAreMappedAsTheRingsHomomorphismDoes(int p) {
    SmallPrimeField field = new SmallPrimeField(p);
    SplittableRandom random = new SplittableRandom(p);
    double[] values = new double[5000];
    for (int j = 0; j < values.length; j++) {
      do {
        values[j] = Double.longBitsToDouble(random.nextLong());
      } while (!Double.isFinite(values[j]));
    }
    values[0] = 0;
    values[1] = Double.MIN_VALUE;
    values[2] = -Double.MAX_VALUE;
    float[] residues = new float[values.length];
    field.map(values.clone(), residues, values.length);
    BigInteger modulus = BigInteger.valueOf(p);
    BigInteger two = BigInteger.TWO.modPow(BigInteger.valueOf(1074), modulus);
    for (int j = 0; j < values.length; j++) {
      BigInteger scaled =
          new BigDecimal(values[j])
              .multiply(new BigDecimal(BigInteger.TWO.pow(1074)))
              .toBigIntegerExact();
      BigInteger product = BigInteger.valueOf((long) residues[j]).multiply(two);
      assertThat(scaled.subtract(product).mod(modulus)).as("" + values[j]).isZero();
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {113, 127, 257})
  void otherPrimesAreRefused(int p) {
    assertThatThrownBy(() -> new SmallPrimeField(p)).hasMessageContaining("between 128 and 251");
  }
}
