package io.fullrank.certificate;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.List;

/** The rank modulo a prime by textbook elimination in integer arithmetic, as an oracle. */
public final class RankModulo {

  private static final BigDecimal SCALE = new BigDecimal(BigInteger.TWO.pow(1074));

  private RankModulo() {}

  /** Rows may be scaled by powers of two, so every entry counts 2^1074 times. */
  public static int of(double[][] matrix, int p) {
    BigInteger modulus = BigInteger.valueOf(p);
    long[][] residues = new long[matrix.length][matrix[0].length];
    for (int i = 0; i < matrix.length; i++) {
      for (int j = 0; j < matrix[i].length; j++) {
        double x = matrix[i][j];
        residues[i][j] =
            x == Math.rint(x) && Math.abs(x) < 0x1p53
                ? Math.floorMod((long) x, (long) p)
                : new BigDecimal(x)
                    .multiply(SCALE)
                    .toBigIntegerExact()
                    .multiply(BigInteger.TWO.modPow(BigInteger.valueOf(-1074), modulus))
                    .mod(modulus)
                    .longValueExact();
      }
    }
    return eliminate(residues, p);
  }

  public static int of(double[][] matrix, List<Integer> rows, int p) {
    return of(rows.stream().map(i -> matrix[i]).toArray(double[][]::new), p);
  }

  private static int eliminate(long[][] rows, long p) {
    int rank = 0;
    for (int j = 0; j < rows[0].length && rank < rows.length; j++) {
      int pivot = rank;
      while (pivot < rows.length && rows[pivot][j] == 0) {
        pivot++;
      }
      if (pivot == rows.length) {
        continue;
      }
      long[] row = rows[pivot];
      rows[pivot] = rows[rank];
      rows[rank] = row;
      long inverse = BigInteger.valueOf(row[j]).modInverse(BigInteger.valueOf(p)).longValue();
      for (int i = rank + 1; i < rows.length; i++) {
        // To add p - f times is to subtract f times, and one division for each entry is enough.
        long factor = p - rows[i][j] * inverse % p;
        if (factor != p) {
          for (int k = j; k < row.length; k++) {
            rows[i][k] = (rows[i][k] + factor * row[k]) % p;
          }
        }
      }
      rank++;
    }
    return rank;
  }
}
