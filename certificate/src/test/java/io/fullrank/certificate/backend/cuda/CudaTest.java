package io.fullrank.certificate.backend.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;

import io.fullrank.certificate.backend.BackendUnavailableException;
import io.fullrank.certificate.backend.DenseLinearAlgebra;
import io.fullrank.certificate.backend.DenseLinearAlgebraConformance;
import java.util.function.Supplier;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Runs on the device, if there is one; {@link CudaOnCpuTest} runs it on the CPU. */
class CudaTest extends DenseLinearAlgebraConformance {

  private static Cuda cuda;

  @BeforeAll
  static void device() {
    cuda = onDevice(() -> new Cuda(2));
  }

  /** Makes a backend; where there is no device, skips the test and says why. */
  static Cuda onDevice(Supplier<Cuda> make) {
    try {
      return make.get();
    } catch (BackendUnavailableException e) {
      return abort(e.getMessage());
    }
  }

  @Test
  void aProductOnTheDeviceTakesTime() {
    assertThat(cuda.timeProduct(300)).isPositive();
  }

  @Override
  public DenseLinearAlgebra algebra() {
    return cuda;
  }
}
