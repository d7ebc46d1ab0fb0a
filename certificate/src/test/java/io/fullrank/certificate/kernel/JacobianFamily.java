package io.fullrank.certificate.kernel;

import io.fullrank.certificate.ExactMatrix;
import io.fullrank.certificate.matrix.Matrix;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/** Small Jacobians by factors, and the same exactly; about half of them are rank-deficient. */
enum JacobianFamily {
  /** Small integers, which are often dependent. */
  INTEGERS,
  /** Random f32 values. */
  SINGLES {
    @Override
    double draw(SplittableRandom random) {
      return (float) random.nextGaussian();
    }
  },
  /** An example occurs twice, with other scales of its factors that cancel, or do not. */
  REPEATED_EXAMPLES {
    @Override
    void change(SplittableRandom random, List<Layer> layers, int examples, int outputs) {
      if (examples > 1) {
        double scale = random.nextBoolean() ? 1 : 4;
        for (Layer layer : layers) {
          layer.inputs[examples - 1] = layer.inputs[0].clone();
          for (int k = 0; k < outputs; k++) {
            double[] delta = layer.gradients[k].clone();
            for (int p = 0; p < delta.length; p++) {
              delta[p] *= scale;
            }
            layer.gradients[(examples - 1) * outputs + k] = delta;
          }
        }
      }
    }
  },
  /** Units do not matter for any example, or for one. */
  DEAD_UNITS {
    @Override
    void change(SplittableRandom random, List<Layer> layers, int examples, int outputs) {
      for (Layer layer : layers) {
        int unit = random.nextInt(layer.gradients[0].length);
        int rows = random.nextBoolean() ? layer.gradients.length : outputs;
        for (int row = 0; row < rows; row++) {
          layer.gradients[row][unit] = 0;
        }
        for (double[] input : layer.inputs) {
          input[0] = 0;
        }
      }
    }
  },
  /** The gradients of an example's outputs add up to zero in all layers, or in the first. */
  DEPENDENT_OUTPUTS {
    @Override
    void change(SplittableRandom random, List<Layer> layers, int examples, int outputs) {
      boolean all = random.nextBoolean();
      int example = random.nextInt(examples);
      for (Layer layer : all ? layers : layers.subList(0, 1)) {
        double[] sum = new double[layer.gradients[0].length];
        for (int k = 1; k < outputs; k++) {
          for (int p = 0; p < sum.length; p++) {
            sum[p] -= layer.gradients[example * outputs + k][p];
          }
        }
        layer.gradients[example * outputs] = sum;
      }
    }
  },
  /** An example's inputs are the sum of two others', whose gradients are the same. */
  DEPENDENT_INPUTS {
    @Override
    void change(SplittableRandom random, List<Layer> layers, int examples, int outputs) {
      if (examples > 2) {
        for (Layer layer : layers) {
          for (int j = 0; j < layer.inputs[0].length; j++) {
            layer.inputs[2][j] = layer.inputs[0][j] + layer.inputs[1][j];
          }
          for (int k = 0; k < outputs; k++) {
            layer.gradients[outputs + k] = layer.gradients[k].clone();
            layer.gradients[2 * outputs + k] = layer.gradients[k].clone();
          }
        }
      }
    }
  },
  /** Rows and single entries are scaled by any powers of two. */
  WIDE_EXPONENTS {
    @Override
    void change(SplittableRandom random, List<Layer> layers, int examples, int outputs) {
      int range = random.nextBoolean() ? 1000 : 60;
      for (Layer layer : layers) {
        for (double[][] matrix : new double[][][] {layer.inputs, layer.gradients}) {
          for (double[] row : matrix) {
            int common = random.nextInt(-range, range + 1);
            int own = random.nextBoolean() ? 0 : random.nextInt(21);
            for (int j = 0; j < row.length; j++) {
              row[j] = Math.scalb(row[j], common + (own == 0 ? 0 : random.nextInt(-own, own)));
            }
          }
        }
      }
    }
  },
  /** Multiples of the smallest subnormal number. */
  SUBNORMAL {
    @Override
    void change(SplittableRandom random, List<Layer> layers, int examples, int outputs) {
      for (Layer layer : layers) {
        double[][] matrix = random.nextBoolean() ? layer.inputs : layer.gradients;
        for (double[] row : matrix) {
          for (int j = 0; j < row.length; j++) {
            row[j] *= Double.MIN_VALUE;
          }
        }
      }
    }
  },
  /** Two rows differ in the last bit of a number. */
  ALMOST_EQUAL {
    @Override
    double draw(SplittableRandom random) {
      return (float) random.nextGaussian();
    }

    @Override
    void change(SplittableRandom random, List<Layer> layers, int examples, int outputs) {
      REPEATED_EXAMPLES.change(random, layers, examples, outputs);
      double[] row =
          random.nextBoolean()
              ? layers.get(0).inputs[examples - 1]
              : layers.get(0).gradients[examples * outputs - 1];
      int j = random.nextInt(row.length);
      row[j] = random.nextBoolean() ? Math.nextUp(row[j]) : Math.nextUp((float) row[j]);
    }
  };

  private static final int MAX_ROWS = 9;

  /** A layer's factors; explicit rows are those that follow from them, rounded. */
  record Layer(double[][] inputs, boolean bias, double[][] gradients, boolean explicit) {}

  /**
   * A Jacobian, whose matrices are to be freed.
   *
   * @param jacobian J by factors
   * @param exact J
   */
  record Drawn(FactoredJacobian jacobian, BigDecimal[][] exact, List<Matrix> matrices)
      implements AutoCloseable {

    /** Returns the rank of J. */
    int rank() {
      return new ExactMatrix(exact).rank();
    }

    @Override
    public void close() {
      matrices.forEach(Matrix::close);
    }
  }

  double draw(SplittableRandom random) {
    return random.nextInt(-2, 3);
  }

  void change(SplittableRandom random, List<Layer> layers, int examples, int outputs) {}

  /** Draws one. */
  Drawn draw(long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    int outputs = random.nextInt(1, 4);
    int examples = random.nextInt(1, MAX_ROWS / outputs + 1);
    List<Layer> layers = new ArrayList<>();
    int count = random.nextInt(1, 4);
    for (int l = 0; l < count; l++) {
      int m = random.nextInt(1, 6);
      int units = random.nextInt(1, 6);
      layers.add(
          new Layer(
              matrix(random, examples, m),
              random.nextBoolean(),
              matrix(random, examples * outputs, units),
              random.nextInt(4) == 0));
    }
    change(random, layers, examples, outputs);
    return of(layers, examples, outputs);
  }

  private double[][] matrix(SplittableRandom random, int rows, int columns) {
    double[][] matrix = new double[rows][columns];
    for (double[] row : matrix) {
      for (int j = 0; j < columns; j++) {
        row[j] = draw(random);
      }
    }
    return matrix;
  }

  /** Makes a Jacobian of layers. */
  static Drawn of(List<Layer> layers, int examples, int outputs) {
    List<LayerJacobian> parts = new ArrayList<>();
    List<Matrix> matrices = new ArrayList<>();
    List<List<BigDecimal>> exact = new ArrayList<>();
    for (int row = 0; row < examples * outputs; row++) {
      exact.add(new ArrayList<>());
    }
    for (Layer layer : layers) {
      String name = "layer" + parts.size();
      double[][] rounded = new double[examples * outputs][];
      for (int row = 0; row < rounded.length; row++) {
        List<BigDecimal> products = products(layer, row / outputs, row);
        if (layer.explicit) {
          rounded[row] = products.stream().mapToDouble(JacobianFamily::finite).toArray();
          products = Arrays.stream(rounded[row]).mapToObj(BigDecimal::new).toList();
        }
        exact.get(row).addAll(products);
      }
      if (layer.explicit) {
        parts.add(new ExplicitRows(name, new Held(rounded, outputs)));
      } else {
        Matrix inputs = Matrix.of(layer.inputs);
        Matrix gradients = Matrix.of(layer.gradients);
        matrices.addAll(List.of(inputs, gradients));
        parts.add(new KhatriRaoRows(name, inputs, layer.bias, gradients));
      }
    }
    return new Drawn(
        new FactoredJacobian(examples, outputs, parts),
        exact.stream().map(row -> row.toArray(BigDecimal[]::new)).toArray(BigDecimal[][]::new),
        matrices);
  }

  private static double finite(BigDecimal value) {
    return Math.max(-Double.MAX_VALUE, Math.min(Double.MAX_VALUE, value.doubleValue()));
  }

  private static List<BigDecimal> products(Layer layer, int example, int row) {
    List<BigDecimal> products = new ArrayList<>();
    for (double delta : layer.gradients[row]) {
      for (double a : layer.inputs[example]) {
        products.add(new BigDecimal(delta).multiply(new BigDecimal(a)));
      }
      if (layer.bias) {
        products.add(new BigDecimal(delta));
      }
    }
    return products;
  }

  /** Rows that are held. */
  record Held(double[][] values, int outputs) implements ExplicitRows.Source {
    @Override
    public long columns() {
      return values[0].length;
    }

    @Override
    public void rows(int example, long fromColumn, int length, double[] into) {
      for (int k = 0; k < outputs; k++) {
        System.arraycopy(values[example * outputs + k], (int) fromColumn, into, k * length, length);
      }
    }
  }
}
