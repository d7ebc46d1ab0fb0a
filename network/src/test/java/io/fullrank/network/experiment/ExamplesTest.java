package io.fullrank.network.experiment;

import static org.assertj.core.api.Assertions.assertThat;

import io.fullrank.network.data.sample.ImageShape;
import io.fullrank.proto.v1.DataSetSpec;
import io.fullrank.proto.v1.ExperimentSpec;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** All files below {@code examples}. */
class ExamplesTest {

  private static final Path FOLDER = Path.of("..", "examples");

  private static final ImageShape MNIST = new ImageShape(1, 28, 28);
  private static final ImageShape COLOUR = new ImageShape(3, 32, 32);
  private static final ImageShape SMALL = new ImageShape(1, 16, 16);

  private static final Map<String, ImageShape> SHAPES =
      Map.of(
          "strokes", SMALL,
          "semeion", SMALL,
          "mnist", MNIST,
          "kmnist", MNIST,
          "cifar-10", COLOUR,
          "cifar-100", COLOUR,
          "svhn", COLOUR);

  /** Rows of the published training files. */
  private static final Map<String, Integer> ROWS =
      Map.of("mnist", 60000, "kmnist", 60000, "cifar-10", 50000, "cifar-100", 50000, "svhn", 73257);

  static Stream<Path> all() throws IOException {
    try (Stream<Path> files = Files.walk(FOLDER)) {
      return files.filter(file -> file.toString().endsWith(".yaml")).sorted().toList().stream();
    }
  }

  @ParameterizedTest
  @MethodSource("all")
  void canBeRunAndAreWarnedOfNothingButWhatTheyShow(Path file) {
    ExperimentSpec spec = ExperimentFile.read(file);
    DataSetSpec data = spec.getDataSet();

    int rows = data.getTrainSize() == 0 ? ROWS.get(data.getName()) : data.getTrainSize();

    List<String> warnings = ExperimentSpecs.warnings(spec, SHAPES.get(data.getName()), rows);
    if (spec.getChecks().hasTangentKernel()) {
      assertThat(warnings)
          .singleElement()
          .asString()
          .contains("the expressivity condition cannot hold");
    } else if (file.endsWith("strokes-margins.yaml")) {
      // Only a ReLU network without biases is homogeneous in each layer.
      assertThat(warnings).singleElement().asString().contains("relu is not real-analytic");
    } else {
      assertThat(warnings).isEmpty();
    }
  }

  @Test
  void haveNamesOfTheirOwn() throws IOException {
    List<String> names = all().map(file -> ExperimentFile.read(file).getName()).toList();

    assertThat(names).hasSizeGreaterThan(24).doesNotHaveDuplicates();
  }

  @ParameterizedTest
  @ValueSource(strings = {"paper", "paper-reduced"})
  void coverSixDataSetsThatDifferInAugmentationAlone(String folder) {
    for (String dataSet : List.of("mnist", "kmnist", "cifar-10", "cifar-100", "svhn", "semeion")) {
      ExperimentSpec plain = read(folder, dataSet);
      ExperimentSpec augmented = read(folder, dataSet + "-augmented");

      assertThat(plain.getDataSet().getName()).isEqualTo(dataSet);
      assertThat(augmented.getDataSet().hasAugmentation()).isTrue();
      ExperimentSpec.Builder withoutIt =
          augmented.toBuilder().setName(augmented.getName().replace("-augmented", ""));
      withoutIt.getDataSetBuilder().clearAugmentation();
      assertThat(withoutIt.build()).isEqualTo(plain);
      assertThat(plain.getSeedsCount()).isEqualTo(5);
      assertThat(plain.getVariantsCount()).isEqualTo(2);
    }
  }

  private static ExperimentSpec read(String folder, String name) {
    return ExperimentFile.read(FOLDER.resolve(folder).resolve(name + ".yaml"));
  }
}
