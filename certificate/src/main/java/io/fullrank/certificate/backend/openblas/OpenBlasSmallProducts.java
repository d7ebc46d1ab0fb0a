package io.fullrank.certificate.backend.openblas;

import static org.bytedeco.openblas.global.openblas.CblasNoTrans;
import static org.bytedeco.openblas.global.openblas.CblasRowMajor;
import static org.bytedeco.openblas.global.openblas.cblas_sgemm;

import io.fullrank.certificate.arithmetic.SmallPrimeField;
import io.fullrank.certificate.backend.InexactBackendException;
import io.fullrank.certificate.backend.SmallProducts;
import io.fullrank.certificate.matrix.FloatBlock;
import io.fullrank.certificate.matrix.NativeBytes;

/**
 * Products of small integers by OpenBLAS's {@code sgemm}, which has to sum up products in f32 with
 * no other algorithm than the definition. Before the first use in a process, products with known
 * results are computed whose sums reach the largest that are ever exact.
 */
final class OpenBlasSmallProducts implements SmallProducts {

  /** Rows and columns of the tested products: more than one of any kernel's tiles, and no tile. */
  private static final int TEST_ORDER = 67;

  private OpenBlasSmallProducts() {}

  /** The test of this process, done once. */
  private static final class Tested {
    static final boolean EXACT = new OpenBlasSmallProducts().areExact();
  }

  /**
   * Returns products that have passed their test.
   *
   * @throws InexactBackendException if they have not
   */
  static OpenBlasSmallProducts tested() {
    if (!Tested.EXACT) {
      throw new InexactBackendException(
          "sgemm of this OpenBLAS does not compute sums of products of integers below 2^24 exactly,"
              + " so it cannot be used for the rank modulo small primes");
    }
    return new OpenBlasSmallProducts();
  }

  /**
   * Returns whether C − A·B is right where row i of A is ±127, row i of C as well, and column j of
   * B is ±127 but for its first entry, which is a smaller integer that depends on j; the signs are
   * such that all terms have the same one.
   */
  private boolean areExact() {
    int inner = SmallPrimeField.MAX_PRODUCTS;
    int largest = SmallPrimeField.MAX_RESIDUE;
    try (NativeBytes memory =
        NativeBytes.allocate(
            (2L * TEST_ORDER * inner + (long) TEST_ORDER * TEST_ORDER) * Float.BYTES,
            "a test of products")) {
      long sizeOfA = (long) TEST_ORDER * inner;
      FloatBlock a = new FloatBlock(memory.floats(0), TEST_ORDER, inner, inner);
      FloatBlock b = new FloatBlock(memory.floats(sizeOfA), inner, TEST_ORDER, TEST_ORDER);
      FloatBlock c = new FloatBlock(memory.floats(2 * sizeOfA), TEST_ORDER, TEST_ORDER, TEST_ORDER);
      for (int i = 0; i < TEST_ORDER; i++) {
        float[] row = new float[inner];
        for (int k = 0; k < inner; k++) {
          row[k] = sign(i + k) * largest;
        }
        a.setRow(i, 0, row, inner);
      }
      for (int k = 0; k < inner; k++) {
        float[] row = new float[TEST_ORDER];
        for (int j = 0; j < TEST_ORDER; j++) {
          row[j] = sign(k) * (k == 0 ? j : largest);
        }
        b.setRow(k, 0, row, TEST_ORDER);
      }
      for (int i = 0; i < TEST_ORDER; i++) {
        float[] row = new float[TEST_ORDER];
        for (int j = 0; j < TEST_ORDER; j++) {
          row[j] = -sign(i) * largest;
        }
        c.setRow(i, 0, row, TEST_ORDER);
      }
      subtract(c, a, b);
      float[] row = new float[TEST_ORDER];
      for (int i = 0; i < TEST_ORDER; i++) {
        c.getRow(i, 0, row, TEST_ORDER);
        for (int j = 0; j < TEST_ORDER; j++) {
          int expected = -sign(i) * (largest + j * largest + (inner - 1) * largest * largest);
          if (row[j] != expected) {
            return false;
          }
        }
      }
      return true;
    }
  }

  private static int sign(int parity) {
    return parity % 2 == 0 ? 1 : -1;
  }

  @Override
  public void multiply(FloatBlock c, FloatBlock a, FloatBlock b) {
    gemm(1, a, b, 0, c);
  }

  @Override
  public void subtract(FloatBlock c, FloatBlock a, FloatBlock b) {
    gemm(-1, a, b, 1, c);
  }

  private static void gemm(float alpha, FloatBlock a, FloatBlock b, float beta, FloatBlock c) {
    if (a.columns() != b.rows() || c.rows() != a.rows() || c.columns() != b.columns()) {
      throw new IllegalArgumentException(
          "the product of " + a + " and " + b + " is not of the shape " + c);
    }
    if (c.rows() == 0 || c.columns() == 0 || a.columns() == 0) {
      return;
    }
    cblas_sgemm(
        CblasRowMajor,
        CblasNoTrans,
        CblasNoTrans,
        c.rows(),
        c.columns(),
        a.columns(),
        alpha,
        a.data(),
        a.stride(),
        b.data(),
        b.stride(),
        beta,
        c.data(),
        c.stride());
  }
}
