package io.fullrank.certificate.backend.openblas;

import io.fullrank.certificate.backend.DenseLinearAlgebra;
import io.fullrank.certificate.backend.DenseLinearAlgebraConformance;

/** Blocks so small that even small matrices consist of many, as large matrices do otherwise. */
class OpenBlasInSmallBlocksTest extends DenseLinearAlgebraConformance {

  private final DenseLinearAlgebra algebra = new OpenBlas(2, 48, 20);

  @Override
  public DenseLinearAlgebra algebra() {
    return algebra;
  }
}
