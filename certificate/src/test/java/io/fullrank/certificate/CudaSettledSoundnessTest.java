package io.fullrank.certificate;

import org.junit.jupiter.api.BeforeAll;

/** The device settles small matrices of every kind, too. */
class CudaSettledSoundnessTest extends SettledSoundnessTest {

  private static Cuda cuda;

  @BeforeAll
  static void device() {
    cuda = CudaTest.onDevice(() -> new Cuda(1, 3, 1000));
  }

  @Override
  DenseLinearAlgebra algebra() {
    return cuda;
  }

  @Override
  int matricesPerFamily() {
    return 40;
  }
}
