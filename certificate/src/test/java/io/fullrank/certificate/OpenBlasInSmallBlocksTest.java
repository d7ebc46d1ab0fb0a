package io.fullrank.certificate;

/** Blocks that small matrices consist of many of, as large ones do of the usual ones. */
class OpenBlasInSmallBlocksTest extends DenseLinearAlgebraConformance {

  private final DenseLinearAlgebra algebra = new OpenBlas(2, 48, 20);

  @Override
  DenseLinearAlgebra algebra() {
    return algebra;
  }
}
