package io.fullrank.certificate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.bytedeco.openblas.global.openblas.blas_get_num_threads;

import org.junit.jupiter.api.Test;

class OpenBlasTest extends DenseLinearAlgebraConformance {

  private final DenseLinearAlgebra algebra = new OpenBlas(2);

  @Override
  DenseLinearAlgebra algebra() {
    return algebra;
  }

  @Test
  void eachInstanceKeepsToItsOwnNumberOfThreads() {
    try (FeatureMatrix matrix = FeatureMatrix.of(new double[][] {{1, 2}})) {
      for (int threads : new int[] {1, 2, 1}) {
        new OpenBlas(threads).gram(matrix, new int[1], Cancellation.NEVER).close();
        assertThat(blas_get_num_threads()).isEqualTo(threads);
      }
    }
  }

  @Test
  void saysHowMuchMemoryAGramMatrixNeedsBeforeItTakesAny() {
    try (FeatureMatrix matrix = FeatureMatrix.allocate(2_000_000, 1)) {
      // 8·(n·c + n·n + n) bytes.
      assertThatThrownBy(() -> algebra.gram(matrix, new int[2_000_000], Cancellation.NEVER))
          .isInstanceOf(InsufficientMemoryException.class)
          .hasMessageStartingWith(
              "certifying a matrix of 2000000 x 1 f64 by its Gram matrix needs 29802.4 GiB in all;"
                  + " this machine has ");
    }
  }

  @Test
  void refusesToRunOnNoThreads() {
    assertThatThrownBy(() -> new OpenBlas(0)).hasMessageContaining("at least one thread");
  }
}
