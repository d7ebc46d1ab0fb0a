package io.fullrank.certificate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.fullrank.certificate.backend.BackendUnavailableException;
import io.fullrank.certificate.backend.cuda.Cuda;
import io.fullrank.certificate.backend.openblas.OpenBlas;
import java.util.Map;
import org.junit.jupiter.api.Test;

class BackendTest {

  @Test
  void openBlasIsThereEverywhere() {
    BackendChoice choice = Backend.of("openblas").choose(2);
    assertThat(choice.algebra()).isInstanceOf(OpenBlas.class);
    assertThat(choice.algebra().threads()).isEqualTo(2);
    assertThat(choice.description()).isEqualTo("openblas, 2 threads");
  }

  /** With or without a device on this machine. */
  @Test
  void automaticallyThereIsAlwaysOneAndALineThatSaysWhich() {
    BackendChoice choice = Backend.AUTO.choose(1);
    assertThat(choice.description()).startsWith(choice.algebra().name() + ", ").hasLineCount(1);
    if (choice.algebra() instanceof OpenBlas) {
      assertThat(choice.description()).startsWith("openblas, 1 thread; no CUDA: ");
      assertThatThrownBy(() -> Backend.CUDA.choose(1))
          .isInstanceOf(BackendUnavailableException.class)
          .hasMessage(choice.description().substring("openblas, 1 thread; ".length()));
    }
  }

  @Test
  void aNameThatIsNoneIsRefused() {
    assertThatThrownBy(() -> Backend.of("rocm"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("there is no backend 'rocm'; choose one of auto, openblas, cuda");
  }

  @Test
  void aMissingLibraryIsNamed() {
    assertThat(
            Cuda.reason(
                linkError(
                    "/cache/libjnicublas.so: libcublas.so.13: cannot open shared object file: No"
                        + " such file or directory")))
        .isEqualTo("libcublas.so.13 not found");
    assertThat(
            Cuda.reason(
                linkError("libjnicudart.so: libcuda.so.1: cannot open shared object file: No")))
        .isEqualTo("libcuda.so.1 not found, which comes with the NVIDIA driver");
    assertThat(Cuda.reason(new UnsatisfiedLinkError("no jnicudart in java.library.path: /lib")))
        .startsWith("its bindings for ")
        .endsWith(" are not on the class path");
  }

  @Test
  void cuBlasMustNotBeToldToEmulateDoubles() {
    Cuda.refuseEmulation(Map.of("CUBLAS_EMULATE_DOUBLE_PRECISION", "0"));
    assertThatThrownBy(
            () -> Cuda.refuseEmulation(Map.of("CUBLAS_EMULATION_STRATEGY", "performant")))
        .isInstanceOf(BackendUnavailableException.class)
        .hasMessageContaining("CUBLAS_EMULATION_STRATEGY=performant");
  }

  private static LinkageError linkError(String message) {
    UnsatisfiedLinkError error = new UnsatisfiedLinkError("no jnicublas in java.library.path");
    error.initCause(new UnsatisfiedLinkError(message));
    return error;
  }
}
