package io.fullrank.certificate.backend.openblas;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.bytedeco.openblas.global.openblas.blas_get_num_threads;

import io.fullrank.certificate.backend.DenseLinearAlgebra;
import io.fullrank.certificate.backend.DenseLinearAlgebraConformance;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.result.Cancellation;
import io.fullrank.certificate.result.InsufficientMemoryException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class OpenBlasTest extends DenseLinearAlgebraConformance {

  private final DenseLinearAlgebra algebra = new OpenBlas(2);

  @Override
  public DenseLinearAlgebra algebra() {
    return algebra;
  }

  @Test
  void eachInstanceKeepsToItsOwnNumberOfThreads() {
    try (Matrix matrix = Matrix.of(new double[][] {{1, 2}})) {
      for (int threads : new int[] {1, 2, 1}) {
        new OpenBlas(threads).gram(matrix, new int[1], Cancellation.NEVER).close();
        assertThat(blas_get_num_threads()).isEqualTo(threads);
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"1,1", "3,3", "3,40", "40,3", "100,130"})
  void singularValuesAreThoseOfTheMatrix(int n, int c) {
    // Φ = (I − 2vvᵀ)·diag(1, 2, …), v = 1/√n, and columns of zeros.
    int rank = Math.min(n, c);
    try (Matrix matrix = Matrix.allocate(n, c)) {
      for (int i = 0; i < n; i++) {
        for (int j = 0; j < rank; j++) {
          matrix.set(i, j, (j + 1) * ((i == j ? 1 : 0) - 2.0 / n));
        }
      }
      double[] values = new OpenBlas(2).singularValues(matrix);
      assertThat(values).hasSize(rank);
      for (int j = 0; j < rank; j++) {
        assertThat(values[j]).isCloseTo(rank - j, within(1e-12 * rank));
      }
      assertThat(matrix.get(0, rank - 1)).isEqualTo(rank * ((rank == 1 ? 1 : 0) - 2.0 / n));
    }
  }

  @Test
  void saysHowMuchMemoryAGramMatrixNeedsBeforeItTakesAny() {
    try (Matrix matrix = Matrix.allocate(2_000_000, 1)) {
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
