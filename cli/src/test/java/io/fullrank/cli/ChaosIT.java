package io.fullrank.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;
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
            "--faults=9",
            "--seed=23",
            "--longest=5",
            "--watches=4",
            "--calls=20",
            "--work=" + folder.resolve("work"),
            "--json=" + json);

    assertThat(campaign.status()).as("%s%n%s", campaign.out(), campaign.err()).isZero();
    JsonNode result = new ObjectMapper().readTree(Files.readAllBytes(json));
    Set<String> kinds = new TreeSet<>(result.get("faults").findValuesAsText("kind"));
    // A machine that does not let users mount, or has no libfaketime, leaves these out and says so.
    result.get("notBroughtAbout").forEach(each -> kinds.add(each.asText().replaceAll(":.*", "")));
    assertThat(kinds)
        .containsExactlyInAnyOrder(
            "KILL", "STOP", "AWAY", "CUT", "SLOW", "RESEND", "FULL", "AHEAD", "BACK");
    assertThat(result.get("judgements").findValuesAsText("holds")).hasSize(8).containsOnly("true");
    // Four experiments of two runs each that nothing disturbs, and one at least of each client.
    assertThat(result.get("runs").asInt()).isGreaterThanOrEqualTo(12);
    assertThat(result.get("verdicts").asInt()).isPositive();
    assertThat(result.get("load").get("calls").asLong()).isPositive();
    assertThat(result.get("load").get("p50Millis").asDouble()).isPositive();
  }
}
