package io.fullrank.cli.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.withinPercentage;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.fullrank.cli.CommandRun;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BenchTrainingCommandTest {

  @TempDir Path folder;

  private Path experiment;

  @BeforeEach
  void experiment() throws Exception {
    experiment = folder.resolve("small.yaml");
    Files.writeString(
        experiment,
        """
        name: small
        dataset: {name: strokes, train: 50, test: 20}
        network: {type: fully-connected, widths: [8, 60]}
        algorithm: {sgd: {batch-size: 16}}
        epochs: 1
        """);
  }

  @Test
  void measuresStepsAndWritesThemAsJson() throws Exception {
    Path json = folder.resolve("result.json");

    CommandRun run =
        CommandRun.of("bench", "training", experiment.toString(), "--steps=30", "--json=" + json);

    assertThat(run.err()).isEmpty();
    assertThat(run.status()).isZero();
    assertThat(run.out()).startsWith("small: ").contains(" images/s, ", " ms per step of 16 ");
    JsonNode result = new ObjectMapper().readTree(json.toFile());
    double best = result.get("bestSeconds").asDouble();
    double median = result.get("medianSeconds").asDouble();
    assertThat(best).isPositive().isLessThanOrEqualTo(median);
    assertThat(result.get("imagesPerSecond").asDouble())
        .isCloseTo(16 / median, withinPercentage(1e-9));
    assertThat(result.get("steps").asInt()).isEqualTo(30);
  }

  @Test
  void namesWhatIsWrong() {
    assertThat(CommandRun.of("bench", "training", experiment.toString(), "--steps=0"))
        .satisfies(run -> assertThat(run.status()).isEqualTo(2))
        .satisfies(run -> assertThat(run.err()).contains("--steps must be at least 1"));
    assertThat(CommandRun.of("bench", "training", folder.resolve("none.yaml").toString()))
        .satisfies(run -> assertThat(run.status()).isEqualTo(2))
        .satisfies(run -> assertThat(run.err()).contains("none.yaml"));
    assertThat(
            CommandRun.of(
                "bench",
                "training",
                experiment.toString(),
                "--set=algorithm.sgd.learning-rate=1e30"))
        .satisfies(run -> assertThat(run.status()).isEqualTo(1))
        .satisfies(run -> assertThat(run.err()).contains("diverged"));
  }
}
