package io.fullrank.certificate.modular;

import static org.assertj.core.api.Assertions.assertThat;

import io.fullrank.certificate.RankModulo;
import io.fullrank.certificate.arithmetic.PrimeField;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class PivotBlockTest {

  private static final int P = 3000017;

  private final PrimeField field = new PrimeField(P);

  @Test
  void invertsTheLargestNonsingularPart() {
    SplittableRandom random = new SplittableRandom(1);
    for (int k = 0; k < 3000; k++) {
      int height = random.nextInt(1, 14);
      int width = random.nextInt(1, 14);
      int inner = random.nextInt(1, 14);
      int density = random.nextInt(1, 5);
      double[][] left = residues(random, height, inner, density);
      double[][] right = residues(random, inner, width, density);
      double[][] block = new double[height][width];
      for (int i = 0; i < height; i++) {
        for (int j = 0; j < width; j++) {
          for (int l = 0; l < inner; l++) {
            block[i][j] = field.reduce(block[i][j] + left[i][l] * right[l][j]);
          }
        }
      }
      double[][] copy = new double[height][];
      for (int i = 0; i < height; i++) {
        copy[i] = block[i].clone();
      }

      PivotBlock pivots = PivotBlock.of(copy, field);

      int rank = pivots.rank();
      assertThat(rank).isEqualTo(RankModulo.of(block, P));
      for (int i = 0; i < rank; i++) {
        double[] row = block[i];
        block[i] = block[pivots.rowSwap(i)];
        block[pivots.rowSwap(i)] = row;
        for (double[] other : block) {
          double entry = other[i];
          other[i] = other[pivots.columnSwap(i)];
          other[pivots.columnSwap(i)] = entry;
        }
      }
      for (int i = 0; i < rank; i++) {
        for (int j = 0; j < rank; j++) {
          double entry = 0;
          for (int l = 0; l < rank; l++) {
            entry = field.reduce(entry + pivots.inverseRow(i)[l] * block[l][j]);
          }
          assertThat(entry).isEqualTo(i == j ? 1 : 0);
        }
      }
    }
  }

  private double[][] residues(SplittableRandom random, int rows, int columns, int density) {
    double[][] matrix = new double[rows][columns];
    for (double[] row : matrix) {
      for (int j = 0; j < columns; j++) {
        row[j] = random.nextInt(4) < density ? field.reduce(random.nextInt(P)) : 0;
      }
    }
    return matrix;
  }
}
