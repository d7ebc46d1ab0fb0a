package io.fullrank.cli.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.assertj.core.api.Assertions.withinPercentage;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.fullrank.cli.CommandRun;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BenchCertificateCommandTest {

  @TempDir Path folder;

  @Test
  void measuresEverythingAndWritesItAsJson() throws Exception {
    Path json = folder.resolve("result.json");

    CommandRun run =
        CommandRun.of(
            "bench",
            "certificate",
            "--rows=60",
            "--columns=90",
            "--threads=1",
            "--repeat=2",
            "--json=" + json);

    assertThat(run.err()).isEmpty();
    assertThat(run.status()).isZero();
    assertThat(run.out())
        .startsWith("60 × 90 f64, softplus (ς = 100) of Gaussian numbers, seed 1,")
        .contains("JDK " + System.getProperty("java.version"));
    JsonNode result = new ObjectMapper().readTree(json.toFile());
    assertThat(result.get("machine").get("threads").asInt()).isEqualTo(1);
    assertThat(result.get("machine").get("openBlas").asText()).startsWith("OpenBLAS ");
    List<String> names = new ArrayList<>();
    for (JsonNode measurement : result.get("measurements")) {
      names.add(measurement.get("name").asText());
      double best = measurement.get("best").get("seconds").asDouble();
      double least = Double.POSITIVE_INFINITY;
      for (JsonNode seconds : measurement.get("seconds")) {
        least = Math.min(least, seconds.asDouble());
      }
      assertThat(measurement.get("seconds")).hasSize(2);
      assertThat(best).isPositive().isCloseTo(least, within(1e-12 * least));
    }
    assertThat(names)
        .containsExactly(
            "dgemm of squares",
            "Gram matrix and Cholesky",
            "verified Cholesky",
            "exact rank modulo a prime",
            "carry-over",
            "LAPACK dsyevd of the Gram matrix",
            "LAPACK dgesdd");
    JsonNode product = result.get("measurements").get(0).get("stages").get("product");
    assertThat(product.get("gflops").asDouble())
        .isCloseTo(
            2 * 60.0 * 60 * 60 / product.get("seconds").asDouble() / 1e9, withinPercentage(1e-9));
    assertThat(product.get("shareOfDgemm").asDouble()).isEqualTo(1);
    JsonNode gram = result.get("measurements").get(1).get("stages").get("gram");
    assertThat(gram.get("shareOfDgemm").asDouble())
        .isCloseTo(
            gram.get("gflops").asDouble() / product.get("gflops").asDouble(),
            withinPercentage(1e-9));
  }

  @Test
  void refusesAMatrixThatCannotHaveFullRowRank() {
    CommandRun run = CommandRun.of("bench", "certificate", "--rows=60", "--columns=59");
    assertThat(run.status()).isEqualTo(2);
    assertThat(run.err()).contains("--columns is 59 and --rows is 60");
  }

  @Test
  void refusesToMeasureNothing() {
    CommandRun run = CommandRun.of("bench", "certificate", "--repeat=0");
    assertThat(run.status()).isEqualTo(2);
    assertThat(run.err()).contains("--repeat must be at least 1, not 0");
  }
}
