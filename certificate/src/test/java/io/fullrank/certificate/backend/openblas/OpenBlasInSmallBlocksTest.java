package io.fullrank.certificate.backend.openblas;

import io.fullrank.certificate.backend.DenseLinearAlgebra;
import io.fullrank.certificate.backend.DenseLinearAlgebraConformance;

/** Blocks that small matrices consist of many of, as large ones do of the usual ones. */
class OpenBlasInSmallBlocksTest extends DenseLinearAlgebraConformance {

  private final DenseLinearAlgebra algebra = new OpenBlas(2, 48, 20);

  @Override
  public DenseLinearAlgebra algebra() {
    return algebra;
  }
}
