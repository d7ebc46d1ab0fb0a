package io.fullrank.certificate;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.Arrays;

/**
 * The oracle: a matrix of doubles as integers times a power of two, so that rank and definiteness
 * are decided exactly, by Bareiss's fraction-free elimination (Math. Comp. 22, 1968).
 */
public final class ExactMatrix {

  /** No product of two doubles has a bit below this one. */
  private static final int LEAST_OF_PRODUCTS = 2 * -1074;

  private final int exponent;
  private final BigInteger[][] integers;

  /** Takes sums of doubles and of products of two doubles. */
  public ExactMatrix(BigDecimal[][] rows) {
    BigDecimal scale = new BigDecimal(BigInteger.TWO.pow(-LEAST_OF_PRODUCTS));
    BigInteger[][] scaled = new BigInteger[rows.length][rows[0].length];
    int zeros = -LEAST_OF_PRODUCTS;
    for (int i = 0; i < rows.length; i++) {
      for (int j = 0; j < rows[i].length; j++) {
        scaled[i][j] = rows[i][j].multiply(scale).toBigIntegerExact();
        zeros =
            scaled[i][j].signum() == 0 ? zeros : Math.min(zeros, scaled[i][j].getLowestSetBit());
      }
    }
    for (BigInteger[] row : scaled) {
      for (int j = 0; j < row.length; j++) {
        row[j] = row[j].shiftRight(zeros);
      }
    }
    this.exponent = LEAST_OF_PRODUCTS + zeros;
    this.integers = scaled;
  }

  /** Takes finite entries. */
  public ExactMatrix(double[][] rows) {
    int least = 0;
    for (double[] row : rows) {
      for (double value : row) {
        if (value != 0) {
          least = Math.min(least, leastExponent(value));
        }
      }
    }
    this.exponent = least;
    this.integers = new BigInteger[rows.length][rows[0].length];
    for (int i = 0; i < rows.length; i++) {
      for (int j = 0; j < rows[i].length; j++) {
        integers[i][j] = toInteger(rows[i][j], least);
      }
    }
  }

  int rows() {
    return integers.length;
  }

  int columns() {
    return integers[0].length;
  }

  /** Returns the rank over the rational numbers, which powers of two in rows do not change. */
  public int rank() {
    int n = integers.length;
    int c = integers[0].length;
    BigInteger[][] a = new BigInteger[n][];
    for (int i = 0; i < n; i++) {
      int zeros =
          Arrays.stream(integers[i])
              .filter(entry -> entry.signum() != 0)
              .mapToInt(BigInteger::getLowestSetBit)
              .min()
              .orElse(0);
      a[i] = Arrays.stream(integers[i]).map(e -> e.shiftRight(zeros)).toArray(BigInteger[]::new);
    }
    int rank = 0;
    BigInteger previous = BigInteger.ONE;
    for (int column = 0; column < c && rank < n; column++) {
      int pivot = rank;
      while (pivot < n && a[pivot][column].signum() == 0) {
        pivot++;
      }
      if (pivot == n) {
        continue;
      }
      BigInteger[] swap = a[pivot];
      a[pivot] = a[rank];
      a[rank] = swap;
      previous = eliminate(a, rank, column, previous);
      rank++;
    }
    return rank;
  }

  /** Returns whether σ_n &gt; bound, by the definiteness of ΦΦᵀ − bound²·I. */
  public boolean smallestSingularValueExceeds(double bound) {
    return isPositiveDefinite(bound, 1);
  }

  /** Returns whether ‖Φ‖₂ &lt; bound, by the definiteness of bound²·I − ΦΦᵀ. */
  public boolean largestSingularValueIsBelow(double bound) {
    return isPositiveDefinite(bound, -1);
  }

  /** Whether sign·(ΦΦᵀ − bound²·I) is positive definite: all leading minors are positive. */
  private boolean isPositiveDefinite(double bound, int sign) {
    int common = Math.min(exponent, bound == 0 ? 0 : leastExponent(bound));
    BigInteger[][] m = integers(common);
    int n = m.length;
    BigInteger square = toInteger(bound, common).pow(2);
    // Minors of a symmetric matrix are symmetric: the lower triangle is enough.
    BigInteger[][] a = new BigInteger[n][];
    for (int i = 0; i < n; i++) {
      a[i] = new BigInteger[i + 1];
      for (int j = 0; j <= i; j++) {
        BigInteger sum = i == j ? square.negate() : BigInteger.ZERO;
        for (int k = 0; k < m[i].length; k++) {
          sum = sum.add(m[i][k].multiply(m[j][k]));
        }
        a[i][j] = sign > 0 ? sum : sum.negate();
      }
    }
    BigInteger previous = BigInteger.ONE;
    for (int k = 0; k < n; k++) {
      BigInteger pivot = a[k][k];
      if (pivot.signum() <= 0) {
        return false;
      }
      for (int i = k + 1; i < n; i++) {
        for (int j = k + 1; j <= i; j++) {
          a[i][j] = pivot.multiply(a[i][j]).subtract(a[i][k].multiply(a[j][k])).divide(previous);
        }
      }
      previous = pivot;
    }
    return true;
  }

  /** One step of fraction-free elimination, of what is to the right of a column. */
  private static BigInteger eliminate(
      BigInteger[][] a, int row, int column, BigInteger previousPivot) {
    BigInteger pivot = a[row][column];
    for (int i = row + 1; i < a.length; i++) {
      for (int j = column + 1; j < a[i].length; j++) {
        a[i][j] =
            pivot
                .multiply(a[i][j])
                .subtract(a[i][column].multiply(a[row][j]))
                .divide(previousPivot);
      }
    }
    return pivot;
  }

  /** Returns the entries in multiples of 2^least. */
  private BigInteger[][] integers(int least) {
    BigInteger[][] result = new BigInteger[integers.length][integers[0].length];
    for (int i = 0; i < result.length; i++) {
      for (int j = 0; j < result[i].length; j++) {
        result[i][j] = integers[i][j].shiftLeft(exponent - least);
      }
    }
    return result;
  }

  /** Returns an e such that value/2^e is an integer below 2^53. */
  private static int leastExponent(double value) {
    return Math.max(Math.getExponent(value), Double.MIN_EXPONENT) - 52;
  }

  private static BigInteger toInteger(double value, int least) {
    if (value == 0) {
      return BigInteger.ZERO;
    }
    int own = leastExponent(value);
    // In two steps, as 2^-own alone may overflow; the product is an integer below 2^53, exactly.
    int half = own / 2;
    long significand = (long) (value * Math.scalb(1.0, -half) * Math.scalb(1.0, half - own));
    return BigInteger.valueOf(significand).shiftLeft(own - least);
  }
}
