package io.fullrank.certificate.backend.openblas;

import static org.bytedeco.openblas.global.openblas.CblasLower;
import static org.bytedeco.openblas.global.openblas.CblasNoTrans;
import static org.bytedeco.openblas.global.openblas.CblasNonUnit;
import static org.bytedeco.openblas.global.openblas.CblasRight;
import static org.bytedeco.openblas.global.openblas.CblasRowMajor;
import static org.bytedeco.openblas.global.openblas.CblasTrans;
import static org.bytedeco.openblas.global.openblas.LAPACKE_dpotrf;
import static org.bytedeco.openblas.global.openblas.LAPACK_COL_MAJOR;
import static org.bytedeco.openblas.global.openblas.cblas_dgemm;
import static org.bytedeco.openblas.global.openblas.cblas_dsyrk;
import static org.bytedeco.openblas.global.openblas.cblas_dtrsm;

import io.fullrank.certificate.backend.InexactBackendException;
import io.fullrank.certificate.matrix.NativeDoubles;
import java.util.SplittableRandom;
import org.bytedeco.javacpp.DoublePointer;

/**
 * Whether the kernels of this OpenBLAS, which are chosen for the processor when it is loaded, give
 * known answers: {@code dgemm}, {@code dsyrk}, {@code dtrsm} and {@code dpotrf} of integers with
 * results that every conventional computation finds without rounding; and whether Java's arithmetic
 * still has subnormal numbers afterwards. Tested once in a process, on one thread's kernels and on
 * several threads.
 */
final class KnownAnswers {

  /** Not a multiple of any kernel's tile, and more than the orders that are treated apart. */
  private static final int ORDER = 203;

  private static final int INNER = 301;

  private KnownAnswers() {}

  /** The test of this process, done once. */
  private static final class Tested {
    static final String WRONG = wrong();
  }

  /**
   * Returns if all answers are right.
   *
   * @throws InexactBackendException if one is wrong
   */
  static void require() {
    if (!Tested.WRONG.isEmpty()) {
      throw new InexactBackendException(
          Tested.WRONG
              + " of this OpenBLAS gives a wrong answer where the right one is known, so it cannot be"
              + " used for certificates; another processor type may be chosen with OPENBLAS_CORETYPE");
    }
  }

  /** Returns the name of what gives a wrong answer, or an empty text. */
  private static String wrong() {
    SplittableRandom random = new SplittableRandom(ORDER);
    double[] a = integers(random, ORDER, INNER, 1000);
    double[] b = integers(random, ORDER, INNER, 1000);
    double[] lower = lower(random);
    double[] product = product(a, b, INNER);
    double[] square = product(a, a, INNER);
    double[] gram = product(lower, lower, ORDER);
    double[] right = integers(random, ORDER, ORDER, 100);
    double[] multiplied = product(right, lower, ORDER);
    try (NativeDoubles left = copy(a);
        NativeDoubles other = copy(b);
        NativeDoubles into = copy(new double[ORDER * ORDER]);
        NativeDoubles triangle = copy(lower)) {
      cblas_dgemm(
          CblasRowMajor,
          CblasNoTrans,
          CblasTrans,
          ORDER,
          ORDER,
          INNER,
          1,
          left.pointer(),
          INNER,
          other.pointer(),
          INNER,
          0,
          into.pointer(),
          ORDER);
      if (differs(into.pointer(), product, false)) {
        return "dgemm";
      }
      cblas_dsyrk(
          CblasRowMajor,
          CblasLower,
          CblasNoTrans,
          ORDER,
          INNER,
          1,
          left.pointer(),
          INNER,
          0,
          into.pointer(),
          ORDER);
      if (differs(into.pointer(), square, true)) {
        return "dsyrk";
      }
      into.pointer().put(multiplied, 0, multiplied.length);
      cblas_dtrsm(
          CblasRowMajor,
          CblasRight,
          CblasLower,
          CblasTrans,
          CblasNonUnit,
          ORDER,
          ORDER,
          1,
          triangle.pointer(),
          ORDER,
          into.pointer(),
          ORDER);
      if (differs(into.pointer(), right, false)) {
        return "dtrsm";
      }
      into.pointer().put(gram, 0, gram.length);
      int info = LAPACKE_dpotrf(LAPACK_COL_MAJOR, (byte) 'U', ORDER, into.pointer(), ORDER);
      if (info != 0 || differs(into.pointer(), lower, true)) {
        return "dpotrf";
      }
      return flushesToZero(2 * triangle.pointer().get(0))
          ? "Java's arithmetic on subnormal numbers after a call"
          : "";
    }
  }

  /**
   * Returns whether subnormal numbers are lost in this thread.
   *
   * @param powerOfTwo from 2 to 2^52, and not known to a compiler
   */
  private static boolean flushesToZero(double powerOfTwo) {
    return Double.MIN_NORMAL / powerOfTwo * powerOfTwo != Double.MIN_NORMAL;
  }

  /** Returns L with powers of two on the diagonal, so that its pivots and quotients are exact. */
  private static double[] lower(SplittableRandom random) {
    double[] lower = new double[ORDER * ORDER];
    for (int i = 0; i < ORDER; i++) {
      for (int j = 0; j < i; j++) {
        lower[i * ORDER + j] = random.nextInt(-9, 10);
      }
      lower[i * ORDER + i] = 1 << random.nextInt(4);
    }
    return lower;
  }

  private static double[] integers(SplittableRandom random, int rows, int columns, int bound) {
    double[] values = new double[rows * columns];
    for (int i = 0; i < values.length; i++) {
      values[i] = random.nextInt(-bound, bound + 1);
    }
    return values;
  }

  /** Returns ABᵀ, exactly. */
  private static double[] product(double[] a, double[] b, int inner) {
    double[] c = new double[ORDER * ORDER];
    for (int i = 0; i < ORDER; i++) {
      for (int j = 0; j < ORDER; j++) {
        double sum = 0;
        for (int k = 0; k < inner; k++) {
          sum += a[i * inner + k] * b[j * inner + k];
        }
        c[i * ORDER + j] = sum;
      }
    }
    return c;
  }

  private static NativeDoubles copy(double[] values) {
    NativeDoubles copy = NativeDoubles.allocate(values.length, 1, "a test of known answers");
    copy.pointer().put(values, 0, values.length);
    return copy;
  }

  private static boolean differs(DoublePointer found, double[] expected, boolean lowerTriangle) {
    double[] values = new double[expected.length];
    found.get(values, 0, values.length);
    for (int i = 0; i < ORDER; i++) {
      for (int j = 0; j < (lowerTriangle ? i + 1 : ORDER); j++) {
        if (values[i * ORDER + j] != expected[i * ORDER + j]) {
          return true;
        }
      }
    }
    return false;
  }
}
