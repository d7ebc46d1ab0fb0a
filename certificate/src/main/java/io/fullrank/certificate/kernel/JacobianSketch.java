package io.fullrank.certificate.kernel;

import io.fullrank.certificate.arithmetic.SmallPrimeField;
import io.fullrank.certificate.backend.DenseLinearAlgebra;
import io.fullrank.certificate.backend.SmallProducts;
import io.fullrank.certificate.matrix.FloatBlock;
import io.fullrank.certificate.matrix.NativeBytes;
import io.fullrank.certificate.matrix.RowTiles;
import io.fullrank.certificate.matrix.Rows;
import io.fullrank.certificate.modular.ResidueRows;
import io.fullrank.certificate.modular.ResidueSums;
import io.fullrank.certificate.result.Cancellation;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/**
 * N random combinations of the columns of a Jacobian J modulo a small prime p: J·S = Σ_l J_l·S_l
 * mod p, computed from the factors. S is of the form that makes this cheap, and otherwise random.
 *
 * <p>In a Khatri–Rao layer column t of S_l is u_t ⊗ v_t with u_t and v_t drawn uniformly modulo p,
 * so that J_l·S_l has the entries ⟨δ_ik, u_t⟩·⟨(a_i, 1), v_t⟩: two products of matrices and one
 * entry by entry. As such vectors span everything, N ≥ rank J of them keep the rank of J, but for a
 * small probability. For explicit rows S_l has {@value #TARGETS} random entries in each row, in
 * columns that are spread evenly by random permutations.
 *
 * <p>{@link #combine} does not form the sketch: xᵀJ_l·S_l is evaluated as u_tᵀ·M·v_t with M = Σ_i
 * (Σ_k x_ik·δ_ik)·(a_i, 1)ᵀ, in Java. So the check of an elimination is independent of the
 * backend's products.
 */
final class JacobianSketch implements ResidueRows, AutoCloseable {

  private static final int TARGETS = 2;
  private static final int TILE_ROWS = 1024;

  /** The largest number of columns of a tile. */
  private static final int TILE_COLUMNS = 2048;

  private static final int BATCH_ROWS = 512;
  private static final int COMBINED_COLUMNS = 256;

  private final FactoredJacobian jacobian;
  private final int n;
  private final int outputs;
  private final int columns;
  private final SmallPrimeField field;
  private final DenseLinearAlgebra algebra;
  private final List<Part> parts = new ArrayList<>();

  /** What S_l is made of. */
  private sealed interface Part extends AutoCloseable permits Product, Scatter {
    @Override
    void close();
  }

  /**
   * S_l of a Khatri–Rao layer.
   *
   * @param u the u_t as columns, m' × N
   * @param v the v_t as columns, m̄ × N
   */
  private record Product(KhatriRaoRows layer, NativeBytes memory, FloatBlock u, FloatBlock v)
      implements Part {
    @Override
    public void close() {
      memory.close();
    }
  }

  /**
   * S_l of explicit rows.
   *
   * @param targets for each of {@link #TARGETS} and each column of J_l the column of its entry
   * @param factors these entries
   */
  private record Scatter(ExplicitRows layer, int[][] targets, byte[][] factors) implements Part {
    @Override
    public void close() {
      // Nothing but arrays.
    }
  }

  /**
   * Draws S.
   *
   * @param columns N
   */
  JacobianSketch(
      FactoredJacobian jacobian,
      int columns,
      SmallPrimeField field,
      SplittableRandom random,
      DenseLinearAlgebra algebra) {
    this.jacobian = jacobian;
    this.n = jacobian.rows();
    this.outputs = jacobian.outputs();
    this.columns = columns;
    this.field = field;
    this.algebra = algebra;
    try {
      for (LayerJacobian layer : jacobian.layers()) {
        parts.add(
            layer instanceof KhatriRaoRows factors
                ? product(factors, random)
                : scatter((ExplicitRows) layer, random));
      }
    } catch (RuntimeException | Error e) {
      close();
      throw e;
    }
  }

  /** Returns the number of bytes that a sketch takes while it is computed. */
  static double bytes(FactoredJacobian jacobian, int columns, int threads) {
    double bytes = 0;
    double tile = 0;
    int rows = tileExamples(jacobian, threads) * jacobian.outputs();
    for (LayerJacobian layer : jacobian.layers()) {
      if (layer instanceof KhatriRaoRows factors) {
        double width = factors.outputGradients().columns() + factors.inputColumns();
        bytes += width * columns * Float.BYTES;
        tile = Math.max(tile, width * rows * Float.BYTES);
      } else {
        bytes += (double) layer.columns() * TARGETS * (Integer.BYTES + 1);
        bytes += (double) BATCH_ROWS * columns * Float.BYTES;
      }
    }
    return bytes + threads * (tile + 3.0 * rows * TILE_COLUMNS * Float.BYTES);
  }

  /**
   * Returns the number of examples of a tile: enough for fast products, and some for each thread.
   */
  private static int tileExamples(FactoredJacobian jacobian, int threads) {
    int each = (batchExamples(jacobian) + threads - 1) / threads;
    return Math.min(each, Math.max(1, TILE_ROWS / jacobian.outputs()));
  }

  private Product product(KhatriRaoRows layer, SplittableRandom random) {
    int units = (int) layer.outputGradients().columns();
    int m = (int) layer.inputColumns();
    NativeBytes memory =
        NativeBytes.allocate(
            ((long) units + m) * columns * Float.BYTES, "a sketch of layer " + layer.layer());
    FloatBlock u = new FloatBlock(memory.floats(0), units, columns, columns);
    FloatBlock v = new FloatBlock(memory.floats((long) units * columns), m, columns, columns);
    for (FloatBlock block : List.of(u, v)) {
      float[] row = new float[columns];
      for (int j = 0; j < block.rows(); j++) {
        for (int t = 0; t < columns; t++) {
          row[t] = draw(random);
        }
        block.setRow(j, 0, row, columns);
      }
    }
    return new Product(layer, memory, u, v);
  }

  private Scatter scatter(ExplicitRows layer, SplittableRandom random) {
    int c = (int) layer.columns();
    int[][] targets = new int[TARGETS][c];
    byte[][] factors = new byte[TARGETS][c];
    for (int s = 0; s < TARGETS; s++) {
      int[] permutation = new int[0];
      for (int j = 0; j < c; j++) {
        if (j % columns == 0) {
          permutation = permutation(random);
        }
        targets[s][j] = permutation[j % columns];
        factors[s][j] = (byte) draw(random);
      }
    }
    return new Scatter(layer, targets, factors);
  }

  private int[] permutation(SplittableRandom random) {
    int[] permutation = new int[columns];
    for (int t = 0; t < columns; t++) {
      int other = random.nextInt(t + 1);
      permutation[t] = permutation[other];
      permutation[other] = t;
    }
    return permutation;
  }

  /** Draws a residue, between −p/2 and p/2. */
  private int draw(SplittableRandom random) {
    return random.nextInt(field.modulus()) - field.modulus() / 2;
  }

  @Override
  public int rows() {
    return n;
  }

  @Override
  public int columns() {
    return columns;
  }

  @Override
  public float[][] forEach(float[][] coefficients, Cancellation cancellation, Target target) {
    int batch = batchExamples(jacobian);
    for (int from = 0; from < jacobian.examples(); from += batch) {
      int first = from;
      int examples = Math.min(batch, jacobian.examples() - from);
      // Not while the backend works: a source of explicit rows may need it.
      float[][] scattered = scattered(first, first + examples, cancellation);
      algebra.withSmallProducts(
          products ->
              RowTiles.forEach(
                  algebra.threads(),
                  examples,
                  tileExamples(jacobian, algebra.threads()),
                  (part, start, end) ->
                      tile(
                          products,
                          first + start,
                          first + end,
                          Arrays.copyOfRange(scattered, start * outputs, end * outputs),
                          cancellation,
                          target)));
    }
    return combine(coefficients, cancellation);
  }

  /** Returns the number of examples whose explicit rows are combined at a time. */
  private static int batchExamples(FactoredJacobian jacobian) {
    boolean explicit = jacobian.layers().stream().anyMatch(ExplicitRows.class::isInstance);
    return explicit
        ? Math.min(jacobian.examples(), Math.max(1, BATCH_ROWS / jacobian.outputs()))
        : jacobian.examples();
  }

  /** Computes the rows of some examples, of which explicit rows have given their part. */
  private void tile(
      SmallProducts products,
      int from,
      int to,
      float[][] scattered,
      Cancellation cancellation,
      Target target) {
    int rows = (to - from) * outputs;
    List<Factors> factors = new ArrayList<>();
    int width = Math.min(TILE_COLUMNS, columns);
    try (NativeBytes memory =
        NativeBytes.allocate(2L * rows * width * Float.BYTES, "a tile of a sketch")) {
      for (Part part : parts) {
        if (part instanceof Product product) {
          factors.add(new Factors(product, from, to));
        }
      }
      int end;
      for (int column = 0; column < columns; column = end) {
        cancellation.check();
        end = Math.min(target.endOfPiece(column), column + width);
        int length = end - column;
        FloatBlock x = new FloatBlock(memory.floats(0), rows, length, width);
        FloatBlock y = new FloatBlock(memory.floats((long) rows * width), to - from, length, width);
        float[][] sums = new float[rows][length];
        for (int row = 0; row < rows; row++) {
          if (scattered[row].length > 0) {
            System.arraycopy(scattered[row], column, sums[row], 0, length);
          }
        }
        for (Factors each : factors) {
          each.add(products, column, x, y, sums);
        }
        for (int row = 0; row < rows; row++) {
          target.residues(from * outputs + row, column, sums[row], length);
        }
      }
    } finally {
      factors.forEach(Factors::close);
    }
  }

  /** The residues of a Khatri–Rao layer's factors for some examples. */
  private final class Factors implements AutoCloseable {
    private final Product product;
    private final NativeBytes memory;
    private final FloatBlock delta;
    private final FloatBlock a;

    Factors(Product product, int from, int to) {
      this.product = product;
      KhatriRaoRows layer = product.layer;
      int rows = (to - from) * outputs;
      int units = product.u.rows();
      int m = product.v.rows();
      this.memory =
          NativeBytes.allocate(
              ((long) rows * units + (long) (to - from) * m) * Float.BYTES, "a tile of factors");
      this.delta = new FloatBlock(memory.floats(0), rows, units, units);
      this.a = new FloatBlock(memory.floats((long) rows * units), to - from, m, m);
      for (int row = 0; row < rows; row++) {
        float[] residues = residues(layer.outputGradients(), from * outputs + row, false);
        delta.setRow(row, 0, residues, units);
      }
      for (int i = from; i < to; i++) {
        a.setRow(i - from, 0, residues(layer.inputs(), i, layer.bias()), m);
      }
    }

    /** Adds ⟨δ, u_t⟩·⟨ā, v_t⟩, for some t, to sums that are residues. */
    void add(SmallProducts products, int column, FloatBlock x, FloatBlock y, float[][] sums) {
      float sign =
          multiply(products, x, delta, product.u, column)
              * multiply(products, y, a, product.v, column);
      float[] ofGradients = new float[x.columns()];
      float[] ofInputs = new float[x.columns()];
      for (int row = 0; row < sums.length; row++) {
        x.getRow(row, 0, ofGradients, x.columns());
        field.reduce(ofGradients, x.columns());
        if (row % outputs == 0) {
          y.getRow(row / outputs, 0, ofInputs, x.columns());
          field.reduce(ofInputs, x.columns());
        }
        float[] sum = sums[row];
        for (int t = 0; t < sum.length; t++) {
          sum[t] += sign * ofGradients[t] * ofInputs[t];
        }
        field.reduce(sum, sum.length);
      }
    }

    /**
     * Computes left·right or its negative, integers that are yet to be reduced.
     *
     * @return 1 or −1, the sign
     */
    private int multiply(
        SmallProducts products, FloatBlock into, FloatBlock left, FloatBlock right, int column) {
      int sign = 1;
      for (int from = 0; from < left.columns(); from += SmallPrimeField.MAX_PRODUCTS) {
        int inner = Math.min(SmallPrimeField.MAX_PRODUCTS, left.columns() - from);
        FloatBlock a = left.block(0, from, left.rows(), inner);
        FloatBlock b = right.block(from, column, inner, into.columns());
        if (from == 0) {
          products.multiply(into, a, b);
        } else {
          reduce(into, -sign);
          sign = -1;
          products.subtract(into, a, b);
        }
      }
      return sign;
    }

    /** Replaces integers by residues of them or of their negatives. */
    private void reduce(FloatBlock integers, int sign) {
      float[] row = new float[integers.columns()];
      for (int i = 0; i < integers.rows(); i++) {
        integers.getRow(i, 0, row, row.length);
        for (int t = 0; t < row.length; t++) {
          row[t] *= sign;
        }
        field.reduce(row, row.length);
        integers.setRow(i, 0, row, row.length);
      }
    }

    @Override
    public void close() {
      memory.close();
    }
  }

  /** Returns the residues of a row, and of a 1 after it where there is a bias. */
  private float[] residues(Rows matrix, int row, boolean bias) {
    int c = (int) matrix.columns();
    double[] values = new double[bias ? c + 1 : c];
    matrix.getRow(row, 0, values, 0, c);
    if (bias) {
      values[c] = 1;
    }
    return residues(values, values.length);
  }

  private float[] residues(double[] values, int length) {
    float[] residues = new float[length];
    field.map(values, residues, length);
    return residues;
  }

  /** Takes residues of a part of a row of explicit rows. */
  private interface PieceTask {
    void accept(int row, int from, float[] residues);
  }

  private void forEachPiece(ExplicitRows layer, int example, PieceTask task) {
    int c = (int) layer.columns();
    double[] block = new double[outputs * Math.min(c, JacobianStructure.CHUNK)];
    for (int from = 0; from < c; from += JacobianStructure.CHUNK) {
      int length = Math.min(JacobianStructure.CHUNK, c - from);
      layer.rows().rows(example, from, length, block);
      for (int k = 0; k < outputs; k++) {
        double[] piece = Arrays.copyOfRange(block, k * length, (k + 1) * length);
        task.accept(example * outputs + k, from, residues(piece, length));
      }
    }
  }

  /**
   * Returns residues of the products of some examples' explicit rows with S, or empty rows if there
   * are none.
   */
  private float[][] scattered(int first, int end, Cancellation cancellation) {
    float[][] scattered = new float[(end - first) * outputs][0];
    for (Part part : parts) {
      if (part instanceof Scatter scatter) {
        RowTiles.forEach(
            algebra.threads(),
            end - first,
            1,
            (each, from, to) -> {
              for (int i = from; i < to; i++) {
                cancellation.check();
                addScattered(scatter, first + i, i * outputs, scattered);
              }
            });
      }
    }
    return scattered;
  }

  private void addScattered(Scatter scatter, int example, int at, float[][] scattered) {
    double[][] exact = new double[outputs][columns];
    int firstRow = example * outputs;
    forEachPiece(
        scatter.layer,
        example,
        (row, from, residues) -> scatter(scatter, from, residues, exact[row - firstRow]));
    for (int k = 0; k < outputs; k++) {
      float[] sums = scattered[at + k].length > 0 ? scattered[at + k] : new float[columns];
      add(exact[k], sums);
      scattered[at + k] = sums;
    }
  }

  /** Adds to sums, which are exact in f64 as there are fewer than 2^32 products in each. */
  private static void scatter(Scatter scatter, int from, float[] residues, double[] sums) {
    for (int s = 0; s < TARGETS; s++) {
      for (int j = 0; j < residues.length; j++) {
        sums[scatter.targets[s][from + j]] += residues[j] * scatter.factors[s][from + j];
      }
    }
  }

  /** Adds integers to residues. */
  private void add(double[] integers, float[] residues) {
    for (int t = 0; t < integers.length; t++) {
      residues[t] += (float) field.wide().reduce(integers[t]);
    }
    field.reduce(residues, residues.length);
  }

  /** Returns C·J·S for the coefficients C, computed from the factors in Java. */
  private float[][] combine(float[][] coefficients, Cancellation cancellation) {
    float[][] all = new float[coefficients.length][columns];
    for (Part part : parts) {
      if (part instanceof Product product) {
        addCombined(product, coefficients, all, cancellation);
      } else {
        addCombined((Scatter) part, coefficients, all, cancellation);
      }
    }
    return all;
  }

  /** Adds residues of xᵀ·J_l·S_l = (u_tᵀ·M·v_t)_t to residues, for each x. */
  private void addCombined(
      Product product, float[][] coefficients, float[][] totals, Cancellation cancellation) {
    float[][][] matrices = new float[coefficients.length][][];
    RowTiles.forEach(
        algebra.threads(),
        coefficients.length,
        1,
        (part, k, next) -> matrices[k] = negativeOfM(product, coefficients[k], cancellation));
    RowTiles.forEach(
        algebra.threads(),
        columns,
        COMBINED_COLUMNS,
        (part, from, to) -> {
          cancellation.check();
          addCombined(product, matrices, from, to, totals);
        });
  }

  /** Returns residues of −M, m' × m̄. */
  private float[][] negativeOfM(Product product, float[] x, Cancellation cancellation) {
    KhatriRaoRows layer = product.layer;
    int units = product.u.rows();
    int m = product.v.rows();
    ResidueSums[] matrix = sums(units, m);
    for (int i = 0; i < jacobian.examples(); i++) {
      cancellation.check();
      ResidueSums w = new ResidueSums(field, new float[units]);
      for (int row = i * outputs; row < (i + 1) * outputs; row++) {
        w.subtractMultiple(-x[row], residues(layer.outputGradients(), row, false), 0, units);
      }
      float[] weights = w.reduce();
      float[] a = residues(layer.inputs(), i, layer.bias());
      for (int p = 0; p < units; p++) {
        matrix[p].subtractMultiple(weights[p], a, 0, m);
      }
    }
    return Arrays.stream(matrix).map(ResidueSums::reduce).toArray(float[][]::new);
  }

  /** Adds residues of u_tᵀ·M·v_t for some t to residues, for each −M. */
  private void addCombined(
      Product product, float[][][] matrices, int from, int to, float[][] totals) {
    int length = to - from;
    float[][] v = new float[product.v.rows()][length];
    for (int q = 0; q < v.length; q++) {
      product.v.getRow(q, from, v[q], length);
    }
    float[][] sums = new float[matrices.length][];
    Arrays.setAll(sums, k -> Arrays.copyOfRange(totals[k], from, to));
    float[] u = new float[length];
    for (int p = 0; p < product.u.rows(); p++) {
      product.u.getRow(p, from, u, length);
      for (int k = 0; k < sums.length; k++) {
        ResidueSums mv = new ResidueSums(field, new float[length]);
        mv.subtractMultiples(matrices[k][p], v);
        float[] products = mv.reduce();
        float[] sum = sums[k];
        for (int t = 0; t < length; t++) {
          sum[t] += u[t] * products[t];
        }
        field.reduce(sum, length);
      }
    }
    for (int k = 0; k < sums.length; k++) {
      System.arraycopy(sums[k], 0, totals[k], from, length);
    }
  }

  /** Adds residues of xᵀ·J_l·S_l to residues, for each x. */
  private void addCombined(
      Scatter scatter, float[][] coefficients, float[][] totals, Cancellation cancellation) {
    int c = (int) scatter.layer.columns();
    double[][] combined = new double[coefficients.length][c];
    RowTiles.forEachPart(
        algebra.threads(),
        0,
        jacobian.examples(),
        (long) outputs * c,
        (from, to) -> {
          ResidueSums[] sums = sums(coefficients.length, c);
          for (int i = from; i < to; i++) {
            cancellation.check();
            forEachPiece(
                scatter.layer,
                i,
                (row, at, residues) -> {
                  for (int k = 0; k < sums.length; k++) {
                    sums[k].subtractMultiple(-coefficients[k][row], residues, at, residues.length);
                  }
                });
          }
          synchronized (combined) {
            for (int k = 0; k < sums.length; k++) {
              float[] residues = sums[k].reduce();
              for (int j = 0; j < c; j++) {
                combined[k][j] += residues[j];
              }
            }
          }
        });
    for (int k = 0; k < combined.length; k++) {
      double[] sums = new double[columns];
      scatter(scatter, 0, residues(combined[k], c), sums);
      add(sums, totals[k]);
    }
  }

  private ResidueSums[] sums(int count, int length) {
    ResidueSums[] sums = new ResidueSums[count];
    Arrays.setAll(sums, k -> new ResidueSums(field, new float[length]));
    return sums;
  }

  @Override
  public void close() {
    parts.forEach(Part::close);
  }
}
