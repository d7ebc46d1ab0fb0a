package io.fullrank.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The packaged broker and services as processes, one experiment from file to comparison. */
class EndToEndIT {

  private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();

  @TempDir Path folder;

  @Test
  void everyTwoPhaseRunIsCertifiedAndKeepsItsBound() throws Exception {
    JsonNode result = run("two-phase.solver=gradient-descent");

    assertThat(result.get("runs")).hasSize(4);
    for (JsonNode run : result.get("runs")) {
      assertThat(run.get("state").asText()).isEqualTo("FINISHED");
      // One for each epoch; the witness lies between two of them.
      boolean base = run.get("variant").asText().equals("base");
      assertThat(run.at("/snapshots/published").asLong()).isEqualTo(base ? 8 : 9);
      assertThat(run.at("/snapshots/lost").asLong()).isZero();
    }
    for (JsonNode run : twoPhase(result)) {
      assertThat(run.at("/certificate/outcome").asText()).isEqualTo("CERTIFIED");
      assertThat(run.at("/certificate/sigmaMinLowerBound").asDouble()).isPositive();
      assertThat(run.at("/certificate/step").asLong()).isEqualTo(32);
      assertThat(run.at("/guarantee/statement").asText()).isEqualTo("bound");
      assertThat(run.at("/guarantee/held").asBoolean()).isTrue();
      assertThat(run.at("/guarantee/lossBound").asDouble())
          .isGreaterThanOrEqualTo(run.get("finalTrainLoss").asDouble());
    }
    assertThat(result.at("/comparison/difference/mean").isNumber()).isTrue();
  }

  @Test
  void hiddenLayersThatMoveAreCertifiedAgain() throws Exception {
    JsonNode frozen = run("epochs=8");
    JsonNode moving = run("two-phase.hidden=rank-preserving");

    for (int i = 0; i < 2; i++) {
      JsonNode run = twoPhase(moving).get(i);
      assertThat(run.get("state").asText()).isEqualTo("FINISHED");
      assertThat(run.at("/certificate/outcome").asText()).isEqualTo("CERTIFIED");
      // Later than the switch: a certificate of features that have moved.
      assertThat(run.at("/certificate/step").asLong()).isGreaterThan(32);
      assertThat(run.at("/guarantee/statement").asText()).isEqualTo("limit");
      assertThat(run.at("/snapshots/published").asLong()).isEqualTo(9);
      assertThat(run.at("/snapshots/lost").asLong()).isZero();
      assertThat(run.get("finalTrainLoss").asDouble())
          .isLessThan(twoPhase(frozen).get(i).get("finalTrainLoss").asDouble());
    }
  }

  @Test
  void aLayerTooNarrowIsRefutedAndGivesNoGuarantee() throws Exception {
    JsonNode result = run("network.widths=[32, 32]");

    for (JsonNode run : twoPhase(result)) {
      assertThat(run.get("state").asText()).isEqualTo("FINISHED");
      assertThat(run.at("/certificate/outcome").asText()).isEqualTo("REFUTED");
      assertThat(run.at("/certificate/method").asText()).isEqualTo("STRUCTURE");
      assertThat(run.at("/snapshots/lost").asLong()).isZero();
      assertThat(run.get("guarantee").isNull()).isTrue();
    }
  }

  private JsonNode run(String override) throws Exception {
    Path json = folder.resolve("result.json");
    List<String> line =
        new ArrayList<>(
            List.of(
                "run",
                Path.of("src", "test", "resources", "end-to-end.yaml").toString(),
                "--set",
                override,
                "--work",
                folder.resolve("work").toString(),
                "--json",
                json.toString(),
                "--results",
                folder.resolve("results").toString()));
    line.addAll(ReservedPorts.asOptions());
    CommandRun command = CommandRun.at(ROOT, line.toArray(String[]::new));
    assertThat(command.status()).as("%s%n%s", command.out(), command.err()).isZero();
    assertThat(folder.resolve("work/kafka/log")).doesNotExist();
    assertThat(folder.resolve("work/metrics-state")).doesNotExist();
    // The stack is gone, and compare prints what it said, figure by figure.
    CommandRun compare =
        CommandRun.of("compare", "--results", folder.resolve("results").toString());
    assertThat(compare.status()).as(compare.err()).isZero();
    assertThat(command.out()).contains(compare.out());
    return new ObjectMapper().readTree(Files.readAllBytes(json));
  }

  private static List<JsonNode> twoPhase(JsonNode result) {
    List<JsonNode> runs = new ArrayList<>();
    for (JsonNode run : result.get("runs")) {
      if (run.get("variant").asText().equals("two-phase")) {
        runs.add(run);
      }
    }
    assertThat(runs).hasSize(2);
    return runs;
  }
}
