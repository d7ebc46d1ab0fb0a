package io.fullrank.certificate.backend.openblas;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.fullrank.certificate.RequestedMethod;
import io.fullrank.certificate.backend.InexactBackendException;
import io.fullrank.certificate.matrix.Matrix;
import java.io.IOException;
import java.lang.ProcessBuilder.Redirect;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** With an OpenBLAS that has a wrong kernel, nothing is certified: it is said to be wrong. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class WrongKernelTest {

  private String library;

  /** Certifies a matrix of full rank, in blocks so small that all functions are called. */
  static final class Program {
    private Program() {}

    public static void main(String[] args) {
      SplittableRandom random = new SplittableRandom(1);
      double[][] rows = new double[150][160];
      for (double[] row : rows) {
        for (int j = 0; j < row.length; j++) {
          row[j] = random.nextGaussian();
        }
      }
      try (Matrix matrix = Matrix.of(rows)) {
        System.out.println(
            RequestedMethod.valueOf(args[0])
                .with(new OpenBlas(1, 64, 32), 3)
                .certify(matrix)
                .outcome());
      } catch (InexactBackendException wrong) {
        System.out.println(wrong.getMessage());
      }
    }
  }

  @BeforeAll
  void build(@TempDir Path directory) throws Exception {
    assumeTrue(System.getProperty("os.name").equals("Linux"), "the stand-in needs Linux and gcc");
    library = directory.resolve("stand-in.so").toString();
    Process gcc;
    try {
      gcc =
          new ProcessBuilder(
                  "gcc",
                  "-std=gnu11",
                  "-O2",
                  "-Wall",
                  "-Werror",
                  "-shared",
                  "-fPIC",
                  "-o",
                  library,
                  "src/test/native/openblas.c",
                  "-lm")
              .inheritIO()
              .start();
    } catch (IOException e) {
      assumeTrue(false, "the stand-in needs gcc: " + e.getMessage());
      return;
    }
    assertThat(gcc.waitFor()).isZero();
  }

  @Test
  void rightKernelsCertify() throws Exception {
    assertThat(run("CHOLESKY", Map.of())).isEqualTo("CERTIFIED");
    assertThat(run("MODULAR", Map.of())).isEqualTo("CERTIFIED");
  }

  /** Found at start: one wrong entry of a known answer. */
  @ParameterizedTest
  @CsvSource({
    "CHOLESKY,dgemm",
    "CHOLESKY,dsyrk",
    "CHOLESKY,dtrsm",
    "CHOLESKY,dpotrf",
    "MODULAR,sgemm"
  })
  void aWrongKernelIsFoundAtStart(String method, String name) throws Exception {
    assertThat(run(method, Map.of("FULLRANK_TEST_WRONG", name)))
        .startsWith(name + " of this OpenBLAS");
  }

  /** Right where it is tested at start, and wrong otherwise: found in what it computes. */
  @ParameterizedTest
  @CsvSource({
    "CHOLESKY,dgemm,203,product by this OpenBLAS is wrong",
    "CHOLESKY,dsyrk,203,product by this OpenBLAS is wrong",
    "CHOLESKY,dtrsm,203,Cholesky factor by this OpenBLAS is wrong",
    "CHOLESKY,dpotrf,203,Cholesky factor by this OpenBLAS is wrong",
    "MODULAR,sgemm,67,failed its check in exact arithmetic"
  })
  void aKernelThatIsWrongLaterIsFound(String method, String name, String rows, String message)
      throws Exception {
    assertThat(run(method, Map.of("FULLRANK_TEST_WRONG", name, "FULLRANK_TEST_RIGHT_ROWS", rows)))
        .contains(message);
  }

  private String run(String method, Map<String, String> environment) throws Exception {
    ProcessBuilder builder =
        new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-Xmx256m",
            "-XX:+UseSerialGC",
            "-cp",
            System.getProperty("java.class.path"),
            Program.class.getName(),
            method);
    builder.environment().put("LD_PRELOAD", library);
    builder.environment().putAll(environment);
    Process process = builder.redirectError(Redirect.INHERIT).start();
    String output =
        new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
    assertThat(process.waitFor()).isZero();
    return output;
  }
}
