package io.fullrank.certificate.backend.cuda;

import io.fullrank.certificate.backend.DenseLinearAlgebra;
import io.fullrank.certificate.backend.DenseLinearAlgebraConformance;
import org.junit.jupiter.api.BeforeAll;

/** Blocks so small that even small matrices take several, the last of them narrower. */
class CudaInSmallBlocksTest extends DenseLinearAlgebraConformance {

  private static Cuda cuda;

  @BeforeAll
  static void device() {
    cuda = CudaTest.onDevice(() -> new Cuda(2, 37, 1000));
  }

  @Override
  public DenseLinearAlgebra algebra() {
    return cuda;
  }
}
