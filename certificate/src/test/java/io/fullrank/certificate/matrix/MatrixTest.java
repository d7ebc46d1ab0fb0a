package io.fullrank.certificate.matrix;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.fullrank.certificate.result.InsufficientMemoryException;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;

class MatrixTest {

  @Test
  void startsWithZerosAndKeepsWhatIsSet() {
    try (Matrix matrix = Matrix.allocate(3, 4)) {
      matrix.set(1, 2, 0.1);
      matrix.setRow(2, 1, new float[] {9, 0.1f, 3}, 1, 2);
      matrix.setRow(0, 0, new double[] {5, 6, 7}, 1, 2);
      matrix.fillColumn(3, 1);
      double[] row = new double[6];
      matrix.getRow(2, 0, row, 1, 4);
      assertThat(row).containsExactly(0, 0, (double) 0.1f, 3, 1, 0);
      matrix.getRow(0, 0, row, 0, 4);
      assertThat(row).startsWith(6, 7, 0, 1);
      assertThat(matrix.get(1, 2)).isEqualTo(0.1);
      assertThat(matrix.get(1, 0)).isZero();
    }
  }

  @Test
  void refusesIndicesOutsideTheRow() {
    try (Matrix matrix = Matrix.allocate(2, 3)) {
      assertThatThrownBy(() -> matrix.get(0, 3)).isInstanceOf(IndexOutOfBoundsException.class);
      assertThatThrownBy(() -> matrix.set(2, 0, 1)).isInstanceOf(IndexOutOfBoundsException.class);
      assertThatThrownBy(() -> matrix.get(-1, 2)).isInstanceOf(IndexOutOfBoundsException.class);
      assertThatThrownBy(() -> matrix.setRow(0, 2, new double[2], 0, 2))
          .isInstanceOf(IndexOutOfBoundsException.class);
      assertThatThrownBy(() -> matrix.setRow(0, 0, new float[2], 1, 2))
          .isInstanceOf(IndexOutOfBoundsException.class);
      assertThatThrownBy(() -> matrix.getRow(1, 1, new double[3], 0, 3))
          .isInstanceOf(IndexOutOfBoundsException.class);
      assertThatThrownBy(() -> matrix.fillColumn(3, 1))
          .isInstanceOf(IndexOutOfBoundsException.class);
    }
  }

  @Test
  void refusesEmptyAndRaggedMatrices() {
    assertThatThrownBy(() -> Matrix.allocate(0, 3)).hasMessageContaining("0 x 3");
    assertThatThrownBy(() -> Matrix.allocate(3, -1)).hasMessageContaining("3 x -1");
    assertThatThrownBy(() -> Matrix.of(new double[0][0])).hasMessageContaining("0 x 0");
    assertThatThrownBy(() -> Matrix.of(new double[][] {{1, 2}, {3}}))
        .hasMessageContaining("row 1 has 1 entries, row 0 has 2");
  }

  @Test
  void saysHowMuchMemoryIsMissing() {
    assertThatThrownBy(() -> Matrix.allocate(1L << 30, 1L << 20))
        .isInstanceOf(InsufficientMemoryException.class)
        .hasMessageContaining("needs 8388608.0 GiB; this machine has ");
    assertThatThrownBy(() -> Matrix.allocate(Long.MAX_VALUE, 2))
        .isInstanceOf(InsufficientMemoryException.class)
        .hasMessageContaining("GiB; more than can be addressed");
  }

  @Test
  void isGoneOnceClosed() {
    Matrix matrix = Matrix.allocate(1, 1);
    matrix.close();
    matrix.close();
    assertThatThrownBy(() -> matrix.get(0, 0)).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(matrix::data).isInstanceOf(IllegalStateException.class);
  }

  /** Expectation: src/test/oracle/sha256.py. */
  @Test
  void hashesShapeAndEntries() {
    try (Matrix matrix = Matrix.allocate(200, 123)) {
      for (int i = 0; i < 200; i++) {
        for (int j = 0; j < 123; j++) {
          matrix.set(i, j, i / 8.0 - j);
        }
      }
      assertThat(HexFormat.of().formatHex(matrix.sha256()))
          .isEqualTo("33af92e31aafaaae73c530a348c784094c499aef9ff567cc4df3b394d6e170b1");
    }
  }
}
