package io.fullrank.certificate.backend.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Path;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/**
 * The CUDA backend without a GPU: every call, layout, leading dimension and pointer of it, with
 * stand-ins for the libraries that compute on the CPU. What the real ones compute, and how fast,
 * the same tests show where there is a device.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class CudaOnCpuTest {

  private CudaOnCpu device;

  @BeforeAll
  void build(@TempDir Path directory) {
    assumeTrue(
        System.getProperty("os.name").equals("Linux") && CudaOnCpu.canBeBuilt(),
        "the stand-ins for CUDA's libraries need Linux and gcc");
    device = CudaOnCpu.build(directory);
  }

  @Test
  void everyTestOfTheBackendPasses() {
    String[] classes =
        Stream.of(CudaTest.class, CudaInSmallBlocksTest.class, CudaSoundnessTest.class)
            .map(Class::getName)
            .toArray(String[]::new);
    CudaOnCpu.Result result = device.java(CudaOnCpu.Tests.class, Map.of(), classes);
    assertThat(result.exitCode()).as(result.toString()).isZero();
    // Preconditioning, which this backend leaves out: 6 orders, in blocks of two sizes.
    assertThat(result.output()).matches("[1-9][0-9]+ succeeded, 0 failed, 12 skipped");
  }

  @Test
  void theDeviceIsChosenWhereItIsUsable() {
    assertThat(choose("auto", Map.of()))
        .isEqualTo("cuda, the CPU in place of a device, compute capability 9.0, 2.0 GiB");
  }

  @Test
  void withoutDeviceItFallsBackAndSaysWhy() {
    Map<String, String> none = Map.of("FULLRANK_TEST_NO_DEVICE", "1");
    assertThat(choose("auto", none))
        .isEqualTo("openblas, 1 thread; no CUDA: no CUDA-capable device is detected");
    assertThat(choose("cuda", none))
        .isEqualTo("unavailable: no CUDA: no CUDA-capable device is detected");
  }

  @Test
  void emulatedArithmeticIsRefused() {
    assertThat(choose("cuda", Map.of("FULLRANK_TEST_EMULATED_F64", "1")))
        .isEqualTo("unavailable: no CUDA: products of cuBLAS are not sums of products in f64");
    assertThat(choose("cuda", Map.of("CUBLAS_EMULATE_DOUBLE_PRECISION", "1")))
        .isEqualTo(
            "unavailable: no CUDA: CUBLAS_EMULATE_DOUBLE_PRECISION=1 lets cuBLAS emulate f64,"
                + " which no certificate can rest on; unset it");
  }

  /** What a factor leaves is measured, and taken off the bound. */
  @Test
  void onlyWhatAFactorIsGoodForIsBelieved() {
    assertThat(certify(Map.of()))
        .startsWith("CERTIFIED Cholesky")
        .matches(".* at most [0-9.]+e-1[0-9] of the shift");
    assertThat(certify(Map.of("FULLRANK_TEST_SLOPPY", "0.001")))
        .startsWith("CERTIFIED Cholesky")
        .matches(".* at most 0\\.00[0-9]+ of the shift");
    assertThat(certify(Map.of("FULLRANK_TEST_SLOPPY", "10")))
        .startsWith("UNDETERMINED Cholesky of the Gram matrix ran to completion, but");
  }

  @Test
  void aGramMatrixThatHasBeenTouchedIsNotUsed() {
    assertThat(certify(Map.of("FULLRANK_TEST_MEDDLING", "1")))
        .startsWith("InexactBackendException: cuSOLVER's Cholesky factorisation has changed");
  }

  @Test
  void whatDoesNotFitIsSaidBeforeWorkBegins() {
    Map<String, String> small = Map.of("FULLRANK_TEST_DEVICE_BYTES", String.valueOf(320L << 20));
    assertThat(device.java(CudaProbe.class, small, "large").output())
        .isEqualTo(
            Stream.of(
                    "gram: a Gram matrix of order 4000 and what it takes to factorise it needs"
                        + " 0.5 GiB on the device; it has 0.3 GiB, of which 0.3 GiB are free",
                    "residues: a matrix of 4000 x 4000 residues needs"
                        + " 0.6 GiB on the device; it has 0.3 GiB, of which 0.3 GiB are free")
                .collect(Collectors.joining("\n")));
  }

  private String choose(String backend, Map<String, String> environment) {
    return device.java(CudaProbe.class, environment, "choose", backend).output();
  }

  private String certify(Map<String, String> environment) {
    return device.java(CudaProbe.class, environment, "certify").output();
  }
}
