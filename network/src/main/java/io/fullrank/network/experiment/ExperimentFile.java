package io.fullrank.network.experiment;

import com.google.protobuf.Duration;
import io.fullrank.network.algorithm.Algorithms;
import io.fullrank.network.experiment.yaml.InvalidExperimentException;
import io.fullrank.network.experiment.yaml.YamlNode;
import io.fullrank.network.experiment.yaml.YamlParser;
import io.fullrank.network.experiment.yaml.YamlValue;
import io.fullrank.network.phase.Solver;
import io.fullrank.network.phase.Solvers;
import io.fullrank.proto.v1.Augmentation;
import io.fullrank.proto.v1.DataSetSpec;
import io.fullrank.proto.v1.ExperimentSpec;
import io.fullrank.proto.v1.HiddenLayers;
import io.fullrank.proto.v1.LabelNoise;
import io.fullrank.proto.v1.Loss;
import io.fullrank.proto.v1.SnapshotPolicy;
import io.fullrank.proto.v1.TwoPhaseSpec;
import io.fullrank.proto.v1.Variant;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/**
 * Experiment files: YAML, read strictly. The keys, their meaning and their defaults are in
 * docs/experiments.md.
 */
public final class ExperimentFile {

  private static final Map<String, Loss> LOSSES =
      Map.of("cross-entropy", Loss.LOSS_CROSS_ENTROPY, "squared", Loss.LOSS_SQUARED);
  private static final Map<String, HiddenLayers> HIDDEN =
      Map.of(
          "frozen", HiddenLayers.HIDDEN_LAYERS_FROZEN,
          "rank-preserving", HiddenLayers.HIDDEN_LAYERS_RANK_PRESERVING);
  private static final Map<String, Variant> VARIANTS =
      Map.of("base", Variant.VARIANT_BASE, "two-phase", Variant.VARIANT_TWO_PHASE);

  private static final long MAX_BYTES = 1 << 20;

  private ExperimentFile() {}

  /**
   * Reads and validates an experiment.
   *
   * @throws InvalidExperimentException naming file, line and key of what is wrong
   */
  public static ExperimentSpec read(Path yaml) {
    return read(yaml, List.of());
  }

  /**
   * Reads an experiment, applies overrides, and validates the result.
   *
   * @param overrides each {@code key.path=value} with a value as in the file, such as {@code
   *     seeds=[1, 2]}; replaces what the file says there, later ones win
   * @throws InvalidExperimentException naming file and line, or the override, and the key of what
   *     is wrong
   */
  public static ExperimentSpec read(Path yaml, List<String> overrides) {
    return read(yaml, overrides, Algorithms.STANDARD);
  }

  /**
   * Reads an experiment as {@link #read(Path, List)} does, with these algorithms to choose from.
   */
  public static ExperimentSpec read(Path yaml, List<String> overrides, Algorithms algorithms) {
    YamlNode root = parse(yaml);
    for (String override : overrides) {
      root = override(root, override);
    }
    ExperimentSpec spec = experiment(new YamlValue("", root), algorithms);
    try {
      ExperimentSpecs.validate(spec, algorithms);
    } catch (InvalidExperimentException e) {
      throw new InvalidExperimentException(where(root, e.field()), e.field(), e.problem());
    }
    return spec;
  }

  private static YamlNode parse(Path file) {
    try {
      if (Files.isDirectory(file)) {
        throw new InvalidExperimentException(file.toString(), "", "a folder; name the file in it");
      }
      if (Files.size(file) > MAX_BYTES) {
        throw new InvalidExperimentException(
            file.toString(), "", "larger than 1 MiB: not an experiment file");
      }
      return YamlParser.ofFile(file.toString(), Files.readString(file));
    } catch (NoSuchFileException e) {
      throw new InvalidExperimentException(file.toString(), "no such file", e);
    } catch (CharacterCodingException e) {
      throw new InvalidExperimentException(file.toString(), "not a text file in UTF-8", e);
    } catch (IOException e) {
      throw new InvalidExperimentException(file.toString(), "cannot be read: " + e.getMessage(), e);
    }
  }

  private static YamlNode override(YamlNode root, String override) {
    String where = "--set " + override;
    int equals = override.indexOf('=');
    if (equals < 1) {
      throw new InvalidExperimentException(where, "", "expected key.path=value, such as epochs=5");
    }
    String path = override.substring(0, equals);
    if (path.contains("[")) {
      throw new InvalidExperimentException(
          where, "", "a list is set as a whole, such as seeds=[1, 2]");
    }
    YamlNode value = YamlParser.ofOption(where, override.substring(equals + 1));
    if (root instanceof YamlNode.Mapping mapping) {
      return mapping.with(List.of(path.split("\\.", -1)), value);
    }
    return root; // This is not an experiment, and reading it will say so.
  }

  private static ExperimentSpec experiment(YamlValue value, Algorithms algorithms) {
    YamlValue.Section keys =
        value.section(
            "name",
            "dataset",
            "network",
            "loss",
            "algorithm",
            "epochs",
            "two-phase",
            "variants",
            "seeds",
            "snapshots",
            "checks",
            "rules",
            "comparison");
    ExperimentSpec.Builder spec = ExperimentSpec.newBuilder();
    keys.optional("checks").map(ChecksSection::read).ifPresent(spec::setChecks);
    keys.optional("rules").map(RulesSection::read).ifPresent(spec::addAllRules);
    return spec.setName(keys.required("name").text())
        .setDataSet(dataSet(keys.required("dataset")))
        .setNetwork(NetworkSection.read(keys.required("network")))
        .setLoss(keys.optional("loss").map(v -> v.oneOf(LOSSES)).orElse(Loss.LOSS_CROSS_ENTROPY))
        .setAlgorithm(AlgorithmSection.read(keys.orEmpty("algorithm"), algorithms))
        .setEpochs(keys.required("epochs").count())
        .setTwoPhase(twoPhase(keys.orEmpty("two-phase")))
        .addAllVariants(
            keys.optional("variants")
                .map(v -> list(v, item -> item.oneOf(VARIANTS)))
                .orElse(List.of(Variant.VARIANT_BASE, Variant.VARIANT_TWO_PHASE)))
        .addAllSeeds(
            keys.optional("seeds")
                .map(v -> list(v, YamlValue::whole))
                .orElse(List.of(1L, 2L, 3L, 4L, 5L)))
        .setSnapshots(snapshots(keys.orEmpty("snapshots")))
        .setEquivalenceMargin(
            keys.orEmpty("comparison")
                .section("equivalence-margin")
                .optional("equivalence-margin")
                .map(YamlValue::number)
                .orElse(ExperimentSpecs.DEFAULT_EQUIVALENCE_MARGIN))
        .build();
  }

  private static DataSetSpec dataSet(YamlValue value) {
    YamlValue.Section keys =
        value.section(
            "name",
            "directory",
            "train",
            "test",
            "split-seed",
            "standardise",
            "augmentation",
            "label-noise");
    DataSetSpec.Builder dataSet =
        DataSetSpec.newBuilder()
            .setName(keys.required("name").text())
            .setDirectory(keys.optional("directory").map(YamlValue::text).orElse(""))
            .setTrainSize(keys.optional("train").map(YamlValue::count).orElse(0))
            .setTestSize(keys.optional("test").map(YamlValue::count).orElse(0))
            .setSplitSeed(keys.optional("split-seed").map(YamlValue::whole).orElse(1L))
            .setStandardise(keys.optional("standardise").map(YamlValue::flag).orElse(false));
    keys.optional("augmentation")
        .map(ExperimentFile::augmentation)
        .ifPresent(dataSet::setAugmentation);
    keys.optional("label-noise").map(ExperimentFile::labelNoise).ifPresent(dataSet::setLabelNoise);
    return dataSet.build();
  }

  private static Augmentation augmentation(YamlValue value) {
    YamlValue.Section keys = value.section("crop-padding", "horizontal-flip");
    return Augmentation.newBuilder()
        .setCropPadding(keys.optional("crop-padding").map(YamlValue::count).orElse(0))
        .setHorizontalFlip(keys.optional("horizontal-flip").map(YamlValue::flag).orElse(false))
        .build();
  }

  private static LabelNoise labelNoise(YamlValue value) {
    YamlValue.Section keys = value.section("probability", "seed");
    return LabelNoise.newBuilder()
        .setProbability(keys.required("probability").number())
        .setSeed(keys.optional("seed").map(YamlValue::whole).orElse(1L))
        .build();
  }

  private static TwoPhaseSpec twoPhase(YamlValue value) {
    YamlValue.Section keys =
        value.section("switch-fraction", "noise", "solver", "hidden", "verdict-timeout");
    TwoPhaseSpec.Builder spec = TwoPhaseSpec.newBuilder();
    keys.optional("hidden").map(v -> v.oneOf(HIDDEN)).ifPresent(spec::setHidden);
    return spec.setSwitchFraction(
            keys.optional("switch-fraction").map(YamlValue::number).orElse(0.6))
        .setNoise(keys.optional("noise").map(YamlValue::number).orElse(1e-3))
        .setSolver(
            keys.optional("solver")
                .map(v -> v.oneOf(ParameterReader.words(Solvers.ALL, Solver::key)))
                .orElse(Solvers.ALL.get(0))
                .value())
        .setVerdictTimeout(
            keys.optional("verdict-timeout")
                .map(YamlValue::duration)
                .orElse(Duration.newBuilder().setSeconds(60).build()))
        .build();
  }

  private static SnapshotPolicy snapshots(YamlValue value) {
    YamlValue.Section keys = value.section("every-steps", "every-epochs", "weights", "gradients");
    SnapshotPolicy.Builder policy =
        SnapshotPolicy.newBuilder()
            .setWeights(keys.optional("weights").map(YamlValue::flag).orElse(true))
            .setGradients(keys.optional("gradients").map(YamlValue::flag).orElse(true));
    if (keys.optional("every-steps").isPresent()) {
      if (keys.optional("every-epochs").isPresent()) {
        throw value.invalid("every-steps and every-epochs exclude each other; keep one");
      }
      return policy.setEverySteps(keys.required("every-steps").count()).build();
    }
    return policy
        .setEveryEpochs(keys.optional("every-epochs").map(YamlValue::count).orElse(1))
        .build();
  }

  private static <T> List<T> list(YamlValue value, Function<YamlValue, T> item) {
    return value.items().stream().map(item).toList();
  }

  /** Where a field, or the nearest written part of its path, is set. */
  private static String where(YamlNode root, String field) {
    Map<String, String> places = new HashMap<>();
    collect(root, "", places);
    String written = field;
    while (!places.containsKey(written)) {
      int end = Math.max(written.lastIndexOf('.'), written.lastIndexOf('['));
      written = end < 0 ? "" : written.substring(0, end);
    }
    return places.get(written);
  }

  private static void collect(YamlNode node, String path, Map<String, String> places) {
    places.put(path, node.where());
    if (node instanceof YamlNode.Sequence sequence) {
      for (int i = 0; i < sequence.items().size(); i++) {
        collect(sequence.items().get(i), path + "[" + i + "]", places);
      }
    } else if (node instanceof YamlNode.Mapping mapping) {
      mapping
          .entries()
          .forEach((key, value) -> collect(value, path.isEmpty() ? key : path + "." + key, places));
    }
  }
}
