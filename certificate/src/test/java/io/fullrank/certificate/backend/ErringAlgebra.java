package io.fullrank.certificate.backend;

import io.fullrank.certificate.matrix.FloatBlock;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.matrix.MatrixBlock;
import io.fullrank.certificate.result.Cancellation;
import java.util.function.Consumer;

/** A backend whose products of blocks are tampered with afterwards. */
public record ErringAlgebra(
    DenseLinearAlgebra correct, Consumer<MatrixBlock> error, Consumer<FloatBlock> smallError)
    implements DenseLinearAlgebra {

  /** With correct products of small integers. */
  public ErringAlgebra(DenseLinearAlgebra correct, Consumer<MatrixBlock> error) {
    this(correct, error, product -> {});
  }

  @Override
  public String name() {
    return "erring";
  }

  @Override
  public int threads() {
    return correct.threads();
  }

  @Override
  public double gramBytes(long rows, long columns) {
    return correct.gramBytes(rows, columns);
  }

  @Override
  public GramMatrix gram(Matrix matrix, int[] rowExponents, Cancellation cancellation) {
    return correct.gram(matrix, rowExponents, cancellation);
  }

  @Override
  public GramMatrix gram(GramSource source, Cancellation cancellation) {
    return correct.gram(source, cancellation);
  }

  @Override
  public Matrix multiply(Matrix a, Matrix b) {
    return correct.multiply(a, b);
  }

  @Override
  public Matrix multiplyTransposed(Matrix a, Matrix b) {
    return correct.multiplyTransposed(a, b);
  }

  @Override
  public void subtractProduct(MatrixBlock c, MatrixBlock a, MatrixBlock b) {
    correct.subtractProduct(c, a, b);
    error.accept(c);
  }

  @Override
  public void withSmallProducts(Consumer<SmallProducts> work) {
    correct.withSmallProducts(
        products ->
            work.accept(
                new SmallProducts() {
                  @Override
                  public void multiply(FloatBlock c, FloatBlock a, FloatBlock b) {
                    products.multiply(c, a, b);
                    smallError.accept(c);
                  }

                  @Override
                  public void subtract(FloatBlock c, FloatBlock a, FloatBlock b) {
                    products.subtract(c, a, b);
                    smallError.accept(c);
                  }
                }));
  }
}
