package io.fullrank.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A short campaign against the packaged services: one fault of each kind. */
class ChaosIT {

  private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();

  @TempDir Path folder;

  @Test
  void nothingIsLostOrOtherThanUndisturbed() throws Exception {
    Path json = folder.resolve("result.json");
    CommandRun campaign =
        CommandRun.at(
            ROOT,
            "bench",
            "chaos",
            "--faults=6",
            "--seed=23",
            "--longest=5",
            "--work=" + folder.resolve("work"),
            "--json=" + json);

    assertThat(campaign.status()).as("%s%n%s", campaign.out(), campaign.err()).isZero();
    JsonNode result = new ObjectMapper().readTree(Files.readAllBytes(json));
    assertThat(result.get("faults").findValuesAsText("kind"))
        .containsExactlyInAnyOrder("KILL", "STOP", "AWAY", "CUT", "SLOW", "RESEND");
    assertThat(result.get("judgements").findValuesAsText("holds")).hasSize(8).containsOnly("true");
    // Four experiments of two runs each that nothing disturbs, and one at least of each client.
    assertThat(result.get("runs").asInt()).isGreaterThanOrEqualTo(12);
    assertThat(result.get("verdicts").asInt()).isPositive();
  }
}
