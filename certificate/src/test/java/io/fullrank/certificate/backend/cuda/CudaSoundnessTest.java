package io.fullrank.certificate.backend.cuda;

import io.fullrank.certificate.SoundnessTest;
import io.fullrank.certificate.backend.DenseLinearAlgebra;
import org.junit.jupiter.api.BeforeAll;

/** The certificates that the device computes are true as well. */
class CudaSoundnessTest extends SoundnessTest {

  private static Cuda cuda;

  @BeforeAll
  static void device() {
    cuda = CudaTest.onDevice(() -> new Cuda(1, 3, 1000));
  }

  @Override
  public DenseLinearAlgebra algebra() {
    return cuda;
  }

  @Override
  public int matricesPerFamily() {
    return 20;
  }
}
