package io.fullrank.certificate.kernel;

import io.fullrank.certificate.backend.DenseLinearAlgebra;
import io.fullrank.certificate.backend.GramSource;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.matrix.MatrixBlock;
import io.fullrank.certificate.matrix.RowTiles;
import io.fullrank.certificate.result.Cancellation;
import java.util.Arrays;
import org.bytedeco.javacpp.Pointer;

/**
 * The tangent kernel G = ΨΨᵀ of a Jacobian's rows scaled by powers of two, Ψ = diag(2^-e)·J, from
 * its factors: for a Khatri–Rao product ⟨δ_ik ⊗ ā_i, δ_jk' ⊗ ā_j⟩ = ⟨δ_ik, δ_jk'⟩·⟨ā_i, ā_j⟩ with ā
 * = (a, 1), two products of matrices and one entry by entry; explicit rows are multiplied by panels
 * of columns. G is the sum over the layers.
 *
 * <p><b>Scaling.</b> In each layer ā_i is multiplied by 2^-f_i, so that its entries are below 1,
 * and δ_ik by 2^-(e_ik−f_i) with e_ik the exponent of the whole row, see {@link JacobianStructure}:
 * that is at least the exponent of δ_ik, so that these entries are below 1, too. Nothing is rounded
 * but what underflows.
 *
 * <p><b>Error bound.</b> u = 2^-53, γ_k = ku/(1−ku), η = 2^-1022; all sums of products are computed
 * conventionally. Multiplied out, an entry of G is a sum of terms, for a Khatri–Rao layer
 * δ_p·δ'_p·ā_q·ā'_q for each p and q. A factor of (1+δ), |δ| ≤ u, comes in for each rounding that a
 * term passes through: in ⟨δ, δ'⟩ one for the product and at most m' additions, in ⟨ā, ā'⟩ one and
 * at most m̄ additions (zero, from which the backend subtracts, counts as a term), one for the
 * product of both, and one for each layer's addition to G. A term of explicit rows passes through
 * its product, at most as many additions as all explicit layers have columns, because these come
 * first, and one addition for each of the other layers. So with
 *
 * <p>k = max(max_l(m'_l + m̄_l) + 3 + L, Σ_explicit P_l + 1 + L)
 *
 * <p>the computed entry is Σ terms·(1 + θ), |θ| ≤ γ_k (Higham, §3.1), and
 *
 * <p>|g_ij − ψ_iᵀψ_j| ≤ γ_k·Σ_l Σ_p|δ_p||δ'_p|·Σ_q|ā_q||ā'_q| ≤ γ_k·Σ_l ‖δ‖‖δ'‖‖ā‖‖ā'‖ ≤
 * γ_k‖ψ_i‖‖ψ_j‖,
 *
 * <p>by Cauchy's inequality in each sum, and then for the sum over layers, as ‖ψ_i‖² is the sum of
 * ‖δ‖²‖ā‖². (Explicit rows are the case of one q with ā = 1.) A layer with many parameters has no
 * more roundings for that: not m'·m̄, but m' + m̄.
 *
 * <p><b>Underflow</b>, to zero included. Scaled entries are wrong by at most η each; products and
 * sums lose at most η each. As all entries are at most 1, ⟨δ, δ'⟩ is wrong by at most 4m'η and at
 * most 1.01m', and ⟨ā, ā'⟩ by 4m̄η and at most 1.01m̄; their product by at most 9m'm̄η + η, and G's
 * entry by at most 11cη, c = Σ P_l, less than {@link
 * io.fullrank.certificate.cholesky.VerifiedCholesky} allows.
 */
final class KernelGram implements GramSource {

  private static final int TILE_ROWS = 512;
  private static final int TILE_COLUMNS = 4096;
  private static final int LOOP_TILE = 16;

  /** Explicit rows are multiplied by panels of about as many entries. */
  private static final long PANEL_ENTRIES = 1L << 24;

  private static final int MIN_PANEL_COLUMNS = 256;

  /** Output gradients for whose components the probe's sums are held at the same time. */
  private static final int PROBED = 16;

  private final FactoredJacobian jacobian;
  private final JacobianStructure structure;
  private final int threads;
  private final int n;
  private final int outputs;

  KernelGram(FactoredJacobian jacobian, JacobianStructure structure, int threads) {
    this.jacobian = jacobian;
    this.structure = structure;
    this.threads = threads;
    this.n = jacobian.rows();
    this.outputs = jacobian.outputs();
  }

  @Override
  public int order() {
    return n;
  }

  @Override
  public long roundings() {
    long explicit = 0;
    long products = 0;
    for (LayerJacobian layer : jacobian.layers()) {
      if (layer instanceof KhatriRaoRows factors) {
        products =
            Math.max(products, factors.outputGradients().columns() + factors.inputColumns() + 3);
      } else {
        explicit += layer.columns();
      }
    }
    return Math.max(products, explicit + 1) + jacobian.layers().size();
  }

  @Override
  public double entries() {
    double most = 0;
    for (LayerJacobian layer : jacobian.layers()) {
      double entries =
          layer instanceof KhatriRaoRows factors
              ? 2.0 * n * factors.outputGradients().columns()
                  + 2.0 * jacobian.examples() * factors.inputColumns()
                  + 2.0 * tileExamples(TILE_ROWS) * tileExamples(TILE_COLUMNS) * outputs * outputs
              : 2.0 * n * panelColumns(layer);
      most = Math.max(most, entries);
    }
    return most;
  }

  /** Returns the number of examples whose rows make about as many as given. */
  private int tileExamples(int rows) {
    return Math.min(jacobian.examples(), Math.max(1, rows / outputs));
  }

  private int panelColumns(LayerJacobian layer) {
    return (int) Math.min(layer.columns(), Math.max(MIN_PANEL_COLUMNS, PANEL_ENTRIES / n));
  }

  @Override
  public void compute(MatrixBlock gram, DenseLinearAlgebra products, Cancellation cancellation) {
    // In this order, see the error bound.
    for (LayerJacobian layer : jacobian.layers()) {
      if (layer instanceof ExplicitRows explicit) {
        addExplicit(explicit, gram, products, cancellation);
      }
    }
    for (int l = 0; l < jacobian.layers().size(); l++) {
      if (jacobian.layers().get(l) instanceof KhatriRaoRows factors) {
        addProduct(factors, structure.inputExponents().get(l), gram, products, cancellation);
      }
    }
  }

  private void addExplicit(
      ExplicitRows layer,
      MatrixBlock gram,
      DenseLinearAlgebra products,
      Cancellation cancellation) {
    int c = (int) layer.columns();
    int panelColumns = panelColumns(layer);
    for (int from = 0; from < c; from += panelColumns) {
      int columns = Math.min(panelColumns, c - from);
      try (Matrix panel = Matrix.allocate(n, columns);
          Matrix transposed = Matrix.allocate(columns, n)) {
        copyPanel(layer, from, panel, cancellation);
        transpose(panel, transposed, -1);
        for (int row = 0; row < n; row += TILE_ROWS) {
          cancellation.check();
          int height = Math.min(TILE_ROWS, n - row);
          products.subtractProduct(
              gram.block(row, row, height, n - row),
              MatrixBlock.of(panel, row, 0, height, columns),
              MatrixBlock.of(transposed, 0, row, columns, n - row));
        }
      }
    }
  }

  private void copyPanel(ExplicitRows layer, int from, Matrix panel, Cancellation cancellation) {
    int columns = (int) panel.columns();
    RowTiles.forEach(
        threads,
        jacobian.examples(),
        1,
        (part, first, end) -> {
          double[] block = new double[outputs * columns];
          double[] row = new double[columns];
          for (int i = first; i < end; i++) {
            cancellation.check();
            layer.rows().rows(i, from, columns, block);
            for (int k = 0; k < outputs; k++) {
              System.arraycopy(block, k * columns, row, 0, columns);
              scale(row, structure.rowExponents()[i * outputs + k]);
              panel.setRow((long) i * outputs + k, 0, row, 0, columns);
            }
          }
        });
  }

  private void addProduct(
      KhatriRaoRows layer,
      int[] inputExponents,
      MatrixBlock gram,
      DenseLinearAlgebra products,
      Cancellation cancellation) {
    int m = (int) layer.inputColumns();
    int units = (int) layer.outputGradients().columns();
    int examples = jacobian.examples();
    int height = tileExamples(TILE_ROWS);
    int width = tileExamples(TILE_COLUMNS);
    try (Matrix a = Matrix.allocate(examples, m);
        Matrix aTransposed = Matrix.allocate(m, examples);
        Matrix delta = Matrix.allocate(n, units);
        Matrix deltaTransposed = Matrix.allocate(units, n);
        Matrix ofInputs = Matrix.allocate(height, width);
        Matrix ofGradients = Matrix.allocate((long) height * outputs, (long) width * outputs)) {
      copyRows(a, (i, row) -> input(layer, inputExponents, i, row));
      copyRows(delta, (i, row) -> gradient(layer, inputExponents, i, row));
      transpose(a, aTransposed, 1);
      transpose(delta, deltaTransposed, 1);
      for (int i = 0; i < examples; i += height) {
        int rows = Math.min(height, examples - i);
        for (int j = i; j < examples; j += width) {
          cancellation.check();
          int columns = Math.min(width, examples - j);
          // Both are negated, and their product is not.
          subtractFromZero(
              ofInputs,
              MatrixBlock.of(a, i, 0, rows, m),
              MatrixBlock.of(aTransposed, 0, j, m, columns),
              products);
          subtractFromZero(
              ofGradients,
              MatrixBlock.of(delta, (long) i * outputs, 0, rows * outputs, units),
              MatrixBlock.of(deltaTransposed, 0, (long) j * outputs, units, columns * outputs),
              products);
          addEntrywise(
              ofInputs,
              ofGradients,
              gram.block(i * outputs, j * outputs, rows * outputs, columns * outputs));
        }
      }
    }
  }

  private static void subtractFromZero(
      Matrix into, MatrixBlock left, MatrixBlock right, DenseLinearAlgebra products) {
    Pointer.memset(into.data(), 0, into.rows() * into.columns() * Double.BYTES);
    products.subtractProduct(MatrixBlock.of(into, 0, 0, left.rows(), right.columns()), left, right);
  }

  private void addEntrywise(Matrix ofInputs, Matrix ofGradients, MatrixBlock gram) {
    int columns = gram.columns();
    int examples = columns / outputs;
    RowTiles.forEach(
        threads,
        gram.rows(),
        LOOP_TILE,
        (part, from, to) -> {
          double[] sums = new double[columns];
          double[] gradients = new double[columns];
          double[] inputs = new double[examples];
          for (int row = from; row < to; row++) {
            gram.at(row, 0).get(sums, 0, columns);
            ofGradients.getRow(row, 0, gradients, 0, columns);
            ofInputs.getRow(row / outputs, 0, inputs, 0, examples);
            for (int j = 0; j < examples; j++) {
              double factor = inputs[j];
              for (int c = j * outputs; c < (j + 1) * outputs; c++) {
                sums[c] += gradients[c] * factor;
              }
            }
            gram.at(row, 0).put(sums, 0, columns);
          }
        });
  }

  /** Computes a row. */
  private interface RowSource {
    void row(int row, double[] into);
  }

  private void copyRows(Matrix matrix, RowSource source) {
    RowTiles.forEach(
        threads,
        (int) matrix.rows(),
        LOOP_TILE,
        (part, from, to) -> {
          double[] row = new double[(int) matrix.columns()];
          for (int i = from; i < to; i++) {
            source.row(i, row);
            matrix.setRow(i, 0, row, 0, row.length);
          }
        });
  }

  private void transpose(Matrix matrix, Matrix into, double factor) {
    int rows = (int) matrix.rows();
    int columns = (int) matrix.columns();
    RowTiles.forEach(
        threads,
        rows,
        TILE_ROWS,
        (part, from, to) -> {
          double[] row = new double[columns];
          double[][] turned = new double[columns][to - from];
          for (int i = from; i < to; i++) {
            matrix.getRow(i, 0, row, 0, columns);
            for (int j = 0; j < columns; j++) {
              turned[j][i - from] = factor * row[j];
            }
          }
          for (int j = 0; j < columns; j++) {
            into.setRow(j, from, turned[j], 0, to - from);
          }
        });
  }

  /** Returns the scaled (a_i, 1). */
  private static void input(KhatriRaoRows layer, int[] exponents, int i, double[] into) {
    int m = (int) layer.inputs().columns();
    layer.inputs().getRow(i, 0, into, 0, m);
    if (layer.bias()) {
      into[m] = 1;
    }
    scale(into, exponents[i]);
  }

  /** Returns a scaled δ, or 0 where its ā is 0. */
  private void gradient(KhatriRaoRows layer, int[] exponents, int row, double[] into) {
    layer.outputGradients().getRow(row, 0, into, 0, into.length);
    int ofInput = exponents[row / outputs];
    if (ofInput == JacobianStructure.ZERO) {
      Arrays.fill(into, 0);
    } else {
      scale(into, structure.rowExponents()[row] - ofInput);
    }
  }

  /** Multiplies numbers by 2^-exponent; only what underflows is rounded. */
  private static void scale(double[] values, int exponent) {
    // Two factors, because 2^-e alone may not be a double. Neither may they, where all is 0.
    int half = exponent / 2;
    double first = Math.scalb(1.0, -half);
    double second = Math.scalb(1.0, half - exponent);
    for (int j = 0; j < values.length; j++) {
      values[j] = values[j] == 0 ? 0 : values[j] * first * second;
    }
  }

  @Override
  public Product multiply(double[] x) {
    double[] product = new double[n];
    double[] squares = new double[n];
    for (int l = 0; l < jacobian.layers().size(); l++) {
      if (jacobian.layers().get(l) instanceof KhatriRaoRows layer) {
        addMultiple(layer, structure.inputExponents().get(l), x, product, squares);
      } else if (jacobian.layers().get(l) instanceof ExplicitRows layer) {
        addMultiple(layer, x, product, squares);
      }
    }
    return new Product(product, Arrays.stream(squares).map(Math::sqrt).toArray());
  }

  /** Adds J_l·(J_lᵀx): with w_i = Σ_k x_ik·δ_ik, J_lᵀx is the matrix Σ_i w_i·ā_iᵀ. */
  private void addMultiple(
      KhatriRaoRows layer, int[] exponents, double[] x, double[] product, double[] squares) {
    int m = (int) layer.inputColumns();
    int units = (int) layer.outputGradients().columns();
    int examples = jacobian.examples();
    double[][] w = new double[examples][units];
    double[][] delta = new double[threads][units];
    RowTiles.forEach(
        threads,
        examples,
        LOOP_TILE,
        (part, from, to) -> {
          for (int row = from * outputs; row < to * outputs; row++) {
            gradient(layer, exponents, row, delta[part]);
            addTo(w[row / outputs], x[row], delta[part]);
          }
        });
    // Replaces w_i by (Σ_j w_j·ā_jᵀ)·ā_i, some components at a time.
    RowTiles.forEach(
        threads,
        units,
        PROBED,
        (part, from, to) -> {
          double[] a = new double[m];
          double[][] sums = new double[to - from][m];
          for (int i = 0; i < examples; i++) {
            input(layer, exponents, i, a);
            for (int p = from; p < to; p++) {
              addTo(sums[p - from], w[i][p], a);
            }
          }
          for (int i = 0; i < examples; i++) {
            input(layer, exponents, i, a);
            for (int p = from; p < to; p++) {
              w[i][p] = dot(sums[p - from], a);
            }
          }
        });
    RowTiles.forEach(
        threads,
        examples,
        LOOP_TILE,
        (part, from, to) -> {
          double[] a = new double[m];
          for (int row = from * outputs; row < to * outputs; row++) {
            input(layer, exponents, row / outputs, a);
            gradient(layer, exponents, row, delta[part]);
            product[row] += dot(delta[part], w[row / outputs]);
            squares[row] += dot(delta[part], delta[part]) * dot(a, a);
          }
        });
  }

  /** What is done with the scaled entries of a row, from a column on. */
  private interface PieceTask {
    void accept(int part, int row, int from, double[] piece);
  }

  private void forEachPiece(ExplicitRows layer, PieceTask task) {
    int c = (int) layer.columns();
    int chunk = JacobianStructure.CHUNK;
    RowTiles.forEach(
        threads,
        jacobian.examples(),
        1,
        (part, first, end) -> {
          double[] block = new double[outputs * Math.min(c, chunk)];
          for (int i = first; i < end; i++) {
            for (int from = 0; from < c; from += chunk) {
              int length = Math.min(chunk, c - from);
              layer.rows().rows(i, from, length, block);
              for (int k = 0; k < outputs; k++) {
                double[] piece = Arrays.copyOfRange(block, k * length, (k + 1) * length);
                scale(piece, structure.rowExponents()[i * outputs + k]);
                task.accept(part, i * outputs + k, from, piece);
              }
            }
          }
        });
  }

  private void addMultiple(ExplicitRows layer, double[] x, double[] product, double[] squares) {
    double[][] sums = new double[threads][(int) layer.columns()];
    forEachPiece(
        layer,
        (part, row, from, piece) -> {
          for (int j = 0; j < piece.length; j++) {
            sums[part][from + j] += x[row] * piece[j];
          }
        });
    for (int part = 1; part < threads; part++) {
      addTo(sums[0], 1, sums[part]);
    }
    forEachPiece(
        layer,
        (part, row, from, piece) -> {
          double sum = 0;
          for (int j = 0; j < piece.length; j++) {
            sum += sums[0][from + j] * piece[j];
          }
          product[row] += sum;
          squares[row] += dot(piece, piece);
        });
  }

  private static void addTo(double[] sums, double factor, double[] values) {
    for (int j = 0; j < values.length; j++) {
      sums[j] += factor * values[j];
    }
  }

  /** In four lanes, because in a single one each addition would wait for the one before. */
  private static double dot(double[] a, double[] b) {
    double s0 = 0;
    double s1 = 0;
    double s2 = 0;
    double s3 = 0;
    int j = 0;
    for (; j + 4 <= a.length; j += 4) {
      s0 += a[j] * b[j];
      s1 += a[j + 1] * b[j + 1];
      s2 += a[j + 2] * b[j + 2];
      s3 += a[j + 3] * b[j + 3];
    }
    for (; j < a.length; j++) {
      s0 += a[j] * b[j];
    }
    return (s0 + s1) + (s2 + s3);
  }
}
