package io.fullrank.network.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.fullrank.network.algorithm.Algorithms;
import io.fullrank.network.data.DataSet;
import io.fullrank.network.data.DataSets;
import io.fullrank.network.experiment.ExperimentFile;
import io.fullrank.network.experiment.ExperimentSpecs;
import io.fullrank.network.experiment.Wording;
import io.fullrank.network.experiment.yaml.InvalidExperimentException;
import io.fullrank.proto.Tensors;
import io.fullrank.proto.v1.AlgorithmSpec;
import io.fullrank.proto.v1.ExperimentSpec;
import io.fullrank.proto.v1.RunState;
import io.fullrank.proto.v1.Tensor;
import io.fullrank.proto.v1.Variant;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What one file and one line make of a new algorithm: all that the others can do. */
class NewAlgorithmTest {

  /** The line. */
  private static final Algorithms ALGORITHMS = Algorithms.STANDARD.with(SignDescent.ALGORITHM);

  @TempDir Path folder;
  private Path file;

  @BeforeEach
  void write() throws IOException {
    file = folder.resolve("sign.yaml");
    Files.writeString(
        file,
        """
        name: sign
        dataset: {name: strokes, train: 40, test: 10}
        network: {type: fully-connected, widths: [8]}
        algorithm:
          sign-descent: {batch-size: 20, scale: 0.5, lazy: true, schedule: constant, warm-up-epochs: 1}
        epochs: 2
        variants: [base]
        seeds: [1]
        snapshots: {every-steps: 1}
        """);
  }

  @Test
  void isReadFromAFileTrainedAndReported() throws Exception {
    ExperimentSpec spec = ExperimentFile.read(file, List.of(), ALGORITHMS);
    DataSet data = DataSets.load(spec.getDataSet(), folder);
    Recorder recorder = new Recorder(spec, data);

    RunState end =
        new TrainingRun(spec, Variant.VARIANT_BASE, 1, data, ALGORITHMS).train(recorder).getState();

    assertThat(end).isEqualTo(RunState.RUN_STATE_FINISHED);
    assertThat(recorder.snapshots).hasSize(4);
    // Four steps: the second has the whole learning rate after a warm-up of two, the last is left
    // out.
    assertThat(largestChange(recorder, 1, 2)).isEqualTo(0.5e-3, rounding());
    assertThat(largestChange(recorder, 3, 4)).isEqualTo(0);
    assertThat(Wording.algorithm(spec.getAlgorithm(), ALGORITHMS))
        .isEqualTo(
            Map.of(
                "sign-descent",
                Map.of(
                    "batch-size",
                    20L,
                    "learning-rate",
                    1e-3,
                    "scale",
                    0.5,
                    "lazy",
                    true,
                    "weight-decay",
                    0.0,
                    "schedule",
                    Map.of("constant", Map.of()),
                    "warm-up-epochs",
                    1L)));
  }

  @Test
  void survivesTheWire() throws Exception {
    ExperimentSpec spec = ExperimentFile.read(file, List.of(), ALGORITHMS);

    AlgorithmSpec read = AlgorithmSpec.parseFrom(spec.getAlgorithm().toByteArray());

    assertThat(read).isEqualTo(spec.getAlgorithm());
    assertThat(Wording.algorithm(read, ALGORITHMS)).containsKey("sign-descent");
  }

  @Test
  void itsParametersAreCheckedAndItsNameIsKnownToMessages() {
    assertRefused(
        "algorithm.sign-descent.scale=0",
        "algorithm.sign-descent.scale: must be a number above 0, got 0.0");
    assertRefused(
        "algorithm.sign-descent.scal=1",
        "algorithm.sign-descent.scal: unknown key; did you mean 'scale'?");
    assertRefused(
        "algorithm=sign",
        "known are sgd, adam, adamw, rmsprop, gradient-descent, bcgd, sign-descent");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          gamma      | 1   | unknown key; leave it out
          batch-size | 1.5 | must be a whole number, got 1.5
          batch-size | 0   | must be 1 to 2147483647, got 0
          lazy       | 2   | must be 0 for false or 1 for true, got 2.0
          scale      | NaN | must be a number above 0, got NaN
          """)
  void itsParametersAreCheckedAsTheyComeByWire(String key, double value, String problem) {
    ExperimentSpec.Builder spec = ExperimentFile.read(file, List.of(), ALGORITHMS).toBuilder();
    spec.getAlgorithmBuilder().getNamedBuilder().putParameters(key, value);

    assertThatThrownBy(() -> ExperimentSpecs.validate(spec.build(), ALGORITHMS))
        .isInstanceOf(InvalidExperimentException.class)
        .hasMessage("algorithm.sign-descent." + key + ": " + problem);
  }

  @Test
  void isUnknownWhereItIsNotRegistered() {
    assertThatThrownBy(() -> ExperimentFile.read(file))
        .isInstanceOf(InvalidExperimentException.class)
        .hasMessageContaining("algorithm: unknown choice 'sign-descent'");
  }

  private void assertRefused(String override, String problem) {
    assertThatThrownBy(() -> ExperimentFile.read(file, List.of(override), ALGORITHMS))
        .isInstanceOf(InvalidExperimentException.class)
        .hasMessageContaining(problem);
  }

  private static Offset<Double> rounding() {
    return Offset.offset(1e-6);
  }

  private static double largestChange(Recorder recorder, int from, int to) throws Exception {
    double largest = 0;
    List<Tensor> before = recorder.snapshots.get(from - 1).weights();
    List<Tensor> after = recorder.snapshots.get(to - 1).weights();
    for (int k = 0; k < before.size(); k++) {
      float[] one = Tensors.toFloats(before.get(k));
      float[] other = Tensors.toFloats(after.get(k));
      for (int i = 0; i < one.length; i++) {
        largest = Math.max(largest, Math.abs(one[i] - other[i]));
      }
    }
    return largest;
  }
}
