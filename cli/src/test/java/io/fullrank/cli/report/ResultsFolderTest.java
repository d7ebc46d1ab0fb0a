package io.fullrank.cli.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.Timestamp;
import io.fullrank.cli.SampleRuns;
import io.fullrank.cli.failure.BadInputException;
import io.fullrank.proto.v1.Comparison;
import io.fullrank.proto.v1.Run;
import io.fullrank.proto.v1.Variant;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ResultsFolderTest {

  @TempDir Path temporary;
  private Path path;
  private ResultsFolder folder;

  @BeforeEach
  void create() {
    path = temporary.resolve("results");
    folder = new ResultsFolder(path);
    folder.create();
  }

  @Test
  void givesBackWhatItKept() throws Exception {
    // Numbers that a decimal cannot hold, those that JSON has no word for, and a seed above 2^63.
    Run.Builder run =
        SampleRuns.finishedTwoPhase(-1, 1.0 / 3, Double.NaN, SampleRuns.limit(0.1)).toBuilder();
    run.getProgressBuilder().setTestLoss(Double.POSITIVE_INFINITY).setSeconds(Math.nextUp(0.1));
    ExperimentResult result =
        new ExperimentResult(
            SampleRuns.comparison().toBuilder().setWallTimeRatio(Math.nextDown(1.0)).build(),
            List.of(run.build(), SampleRuns.pending(Variant.VARIANT_BASE, 2)));

    folder.keep(result);

    assertThat(folder.read(SampleRuns.EXPERIMENT)).isEqualTo(result);
    assertThat(folder.readNewest()).containsExactly(result);
    try (var files = Files.list(path)) {
      assertThat(files).hasSize(1);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"../outside", "/outside", "a/b", "..", "", "a\u0000", ".hidden", "a\nb"})
  void writesNothingOutsideWhateverTheServerCallsAnExperiment(String name) throws Exception {
    assertThatThrownBy(() -> folder.keep(result("a", name, 10)))
        .isInstanceOf(BadInputException.class)
        .hasMessageContaining("is not the name of an experiment");
    assertThatThrownBy(() -> folder.read(name)).isInstanceOf(BadInputException.class);
    try (var files = Files.walk(temporary)) {
      assertThat(files).containsExactlyInAnyOrder(temporary, path);
    }
  }

  @Test
  void findsTheNewestExperimentOfEachNameInTheOrderOfSubmission() throws Exception {
    folder.keep(result("b", "b-1", 30));
    folder.keep(result("a", "a-1", 10));
    folder.keep(result("a", "a-2", 40));
    folder.keep(result("c", "c-1", 35));
    Files.writeString(path.resolve("out.json"), "somebody else's");

    assertThat(folder.readNewest())
        .extracting(ExperimentResult::experiment)
        .containsExactly("b-1", "c-1", "a-2");
    assertThat(folder.read("a-1").experiment()).isEqualTo("a-1");
  }

  @Test
  void saysWhereToLookForWhatIsNotThere() {
    assertThatThrownBy(folder::readNewest)
        .isInstanceOf(BadInputException.class)
        .hasMessageContaining(path.toString())
        .hasMessageContaining("--server");
    assertThatThrownBy(() -> folder.read("e-1"))
        .isInstanceOf(BadInputException.class)
        .hasMessageContaining("e-1");
    assertThatThrownBy(new ResultsFolder(temporary.resolve("nowhere"))::readNewest)
        .isInstanceOf(BadInputException.class)
        .hasMessageContaining("nowhere");
  }

  @Test
  void namesAFileThatIsNoResult() throws IOException {
    for (String text :
        List.of(
            "{",
            "[]",
            "{\"comparison\": {}, \"runs\": []}",
            "{\"comparison\": {\"colour\": 1}, \"runs\": [{}]}")) {
      Files.writeString(path.resolve("e-1.result.json"), text);

      assertThatThrownBy(folder::readNewest)
          .as(text)
          .isInstanceOf(BadInputException.class)
          .hasMessageContaining("e-1.result.json")
          .hasMessageNotContaining("\n");
    }
  }

  @Test
  void namesAFolderThatCannotBe() throws IOException {
    Path file = Files.createFile(temporary.resolve("file"));

    assertThatThrownBy(new ResultsFolder(file)::create)
        .isInstanceOf(BadInputException.class)
        .hasMessageContaining("--results " + file);
  }

  private static ExperimentResult result(String name, String experiment, long submittedAt) {
    Run.Builder run = SampleRuns.pending(Variant.VARIANT_BASE, 1).toBuilder();
    run.getRequestBuilder()
        .setExperiment(experiment)
        .setSubmittedAt(Timestamp.newBuilder().setSeconds(submittedAt))
        .getSpecBuilder()
        .setName(name);
    return new ExperimentResult(
        Comparison.newBuilder().setExperiment(experiment).build(), List.of(run.build()));
  }
}
