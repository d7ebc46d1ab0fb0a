package io.fullrank.network.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.fullrank.network.Networks;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FloatMatrixTest {

  /** Small integers: every product is exact in float32, so that the expectation is too. */
  @ParameterizedTest
  @CsvSource({"1,1,1", "1,5,1", "5,1,7", "1,64,3", "7,3,1", "1,1,9", "64,64,130", "40,130,10"})
  void multipliesInEveryShape(int rows, int inner, int columns) {
    FloatMatrix a = integers(rows, inner, 1);
    FloatMatrix b = integers(inner, columns, 2);
    FloatMatrix c = integers(rows, columns, 3);
    float[] expected = Networks.values(c.values());
    float[] product = product(a, b);
    for (int i = 0; i < expected.length; i++) {
      expected[i] += product[i];
    }
    c.addProduct(a, b);
    assertThat(Networks.values(c.values())).containsExactly(expected);

    FloatMatrix fromTransposed = FloatMatrix.zeros(rows, columns);
    fromTransposed.setTransposedProduct(transpose(a), b);
    assertThat(Networks.values(fromTransposed.values())).containsExactly(product);

    FloatMatrix toTransposed = FloatMatrix.zeros(rows, columns);
    toTransposed.setProductTransposed(a, transpose(b));
    assertThat(Networks.values(toTransposed.values())).containsExactly(product);
  }

  @Test
  void viewsOfRowsShareMemoryAndMultiply() {
    FloatMatrix all = integers(9, 4, 5);
    FloatMatrix view = all.rows(3, 2);
    FloatMatrix b = integers(4, 3, 6);
    FloatMatrix target = FloatMatrix.zeros(6, 3);
    target.rows(4, 2).addProduct(view, b);
    assertThat(Networks.values(target.rows(4, 2).values())).containsExactly(product(view, b));
    assertThat(Networks.values(target.rows(0, 4).values())).containsOnly(0);
    view.values().put(0, 77);
    assertThat(all.values().get(12)).isEqualTo(77);
  }

  @Test
  void namesShapesThatDoNotFit() {
    FloatMatrix c = FloatMatrix.zeros(2, 2);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> c.addProduct(FloatMatrix.zeros(2, 3), FloatMatrix.zeros(4, 2)))
        .withMessage("cannot write the product of 2×3 and 4×2 to a 2×2 matrix");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> FloatMatrix.of(2, 2, new float[3]))
        .withMessageContaining("2×2")
        .withMessageContaining("3");
  }

  private static FloatMatrix integers(int rows, int columns, int seed) {
    float[] values = new float[rows * columns];
    for (int i = 0; i < values.length; i++) {
      values[i] = (i * 31 + seed * 17) % 13 - 6;
    }
    return FloatMatrix.of(rows, columns, values);
  }

  private static float[] product(FloatMatrix a, FloatMatrix b) {
    float[] c = new float[a.rows() * b.columns()];
    for (int i = 0; i < a.rows(); i++) {
      for (int j = 0; j < b.columns(); j++) {
        for (int k = 0; k < a.columns(); k++) {
          c[i * b.columns() + j] +=
              a.values().get(i * a.columns() + k) * b.values().get(k * b.columns() + j);
        }
      }
    }
    return c;
  }

  private static FloatMatrix transpose(FloatMatrix a) {
    FloatMatrix t = FloatMatrix.zeros(a.columns(), a.rows());
    for (int i = 0; i < a.rows(); i++) {
      for (int j = 0; j < a.columns(); j++) {
        t.values().put(j * a.rows() + i, a.values().get(i * a.columns() + j));
      }
    }
    return t;
  }
}
