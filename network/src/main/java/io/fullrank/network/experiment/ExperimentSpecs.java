package io.fullrank.network.experiment;

import com.google.protobuf.Duration;
import io.fullrank.network.data.DataSets;
import io.fullrank.proto.v1.Activation;
import io.fullrank.proto.v1.AlgorithmSpec;
import io.fullrank.proto.v1.Augmentation;
import io.fullrank.proto.v1.DataSetSpec;
import io.fullrank.proto.v1.ExperimentSpec;
import io.fullrank.proto.v1.FullyConnected;
import io.fullrank.proto.v1.LearningRateSchedule;
import io.fullrank.proto.v1.Loss;
import io.fullrank.proto.v1.NetworkSpec;
import io.fullrank.proto.v1.PhaseTwoSolver;
import io.fullrank.proto.v1.SnapshotPolicy;
import io.fullrank.proto.v1.StochasticGradientDescent;
import io.fullrank.proto.v1.TwoPhaseSpec;
import io.fullrank.proto.v1.Variant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * The rules that every experiment obeys, whether it came from a file or over gRPC. Fields are named
 * by their path in the experiment file.
 */
public final class ExperimentSpecs {

  private static final Pattern NAME = Pattern.compile("[a-z][a-z0-9-]{0,62}");
  private static final int MAX_LAYERS = 100;
  private static final int MAX_WIDTH = 1_000_000;
  private static final int MAX_EPOCHS = 1_000_000;
  private static final int MAX_SEEDS = 1000;

  /** Half the side of the smallest pictures: more could leave nothing of a picture. */
  private static final int MAX_CROP_PADDING = 8;

  private static final long MAX_VERDICT_TIMEOUT_SECONDS = 24 * 60 * 60;

  private ExperimentSpecs() {}

  /**
   * Checks that an experiment can be run.
   *
   * @throws InvalidExperimentException naming the first field that is missing or out of range
   */
  public static void validate(ExperimentSpec spec) {
    require(
        NAME.matcher(spec.getName()).matches(),
        "name",
        "'%s' must be 1 to 63 of a-z, 0-9 and '-', starting with a letter"
            .formatted(spec.getName()));
    validateDataSet(spec.getDataSet());
    validateNetwork(spec.getNetwork());
    require(
        spec.getLoss() != Loss.LOSS_UNSPECIFIED && spec.getLoss() != Loss.UNRECOGNIZED,
        "loss",
        "must be cross-entropy or squared");
    validateAlgorithm(spec.getAlgorithm());
    requireWithin("epochs", spec.getEpochs(), MAX_EPOCHS);
    validateVariants(spec.getVariantsList());
    if (spec.getVariantsList().contains(Variant.VARIANT_TWO_PHASE)) {
      require(spec.hasTwoPhase(), "two-phase", "missing, but variants has two-phase");
    }
    if (spec.hasTwoPhase()) {
      validateTwoPhase(spec.getTwoPhase());
    }
    validateSeeds(spec.getSeedsList());
    validateSnapshots(spec.getSnapshots());
    require(
        spec.getEquivalenceMargin() > 0 && spec.getEquivalenceMargin() < 1,
        "comparison.equivalence-margin",
        "must be between 0 and 1, a fraction of the test rows, got %s"
            .formatted(spec.getEquivalenceMargin()));
  }

  /**
   * What can be run but will not do what it seems to be meant for.
   *
   * @param spec a valid experiment
   * @param rows the number of training rows, as loaded
   * @return one line each
   */
  public static List<String> warnings(ExperimentSpec spec, long rows) {
    List<String> warnings = new ArrayList<>();
    FullyConnected network = spec.getNetwork().getFullyConnected();
    long width = Integer.toUnsignedLong(network.getWidths(network.getWidthsCount() - 1));
    if (width + 1 < rows) {
      warnings.add(
          ("the last hidden layer is %d wide; with the bias that is %d columns for %d rows: "
                  + "the expressivity condition cannot hold (needs width ≥ %d)")
              .formatted(width, width + 1, rows, rows - 1));
    }
    long batch = Integer.toUnsignedLong(spec.getAlgorithm().getSgd().getBatchSize());
    if (batch > rows) {
      warnings.add(
          "the batch size is %d, but there are %d training rows: every step uses all of them"
              .formatted(batch, rows));
    }
    return List.copyOf(warnings);
  }

  private static void validateDataSet(DataSetSpec dataSet) {
    String name = dataSet.getName();
    require(
        DataSets.names().contains(name),
        "dataset.name",
        "unknown data set '%s'%s".formatted(name, Spelling.hint(name, DataSets.names())));
    DataSets.problemWithDirectory(dataSet.getDirectory())
        .ifPresent(
            problem -> {
              throw new InvalidExperimentException(
                  "dataset.directory", "'%s' %s".formatted(dataSet.getDirectory(), problem));
            });
    if (name.equals(DataSets.STROKES)) {
      require(
          dataSet.getDirectory().isEmpty(),
          "dataset.directory",
          "strokes is generated and reads no folder; leave the key out");
    }
    require(
        dataSet.getTrainSize() != 0 || DataSets.hasTestFile(name),
        "dataset.train",
        "missing; %s has no test rows of its own, so the experiment must say how many to train on"
            .formatted(name));
    if (dataSet.hasAugmentation()) {
      validateAugmentation(name, dataSet.getAugmentation());
    }
    if (dataSet.hasLabelNoise()) {
      double probability = dataSet.getLabelNoise().getProbability();
      require(
          probability > 0 && probability <= 1,
          "dataset.label-noise.probability",
          "must be above 0 and at most 1, got %s".formatted(probability));
    }
  }

  private static void validateAugmentation(String name, Augmentation augmentation) {
    require(
        augmentation.getCropPadding() != 0 || augmentation.getHorizontalFlip(),
        "dataset.augmentation",
        "changes nothing; set crop-padding or horizontal-flip, or leave the key out");
    if (augmentation.getCropPadding() != 0) {
      requireWithin(
          "dataset.augmentation.crop-padding", augmentation.getCropPadding(), MAX_CROP_PADDING);
    }
    require(
        !augmentation.getHorizontalFlip() || DataSets.mayBeMirrored(name),
        "dataset.augmentation.horizontal-flip",
        "%s shows digits or characters, which mean something else in the mirror; leave the key out"
            .formatted(name));
  }

  private static void validateNetwork(NetworkSpec network) {
    require(
        network.getArchitectureCase() == NetworkSpec.ArchitectureCase.FULLY_CONNECTED,
        "network.type",
        "must be fully-connected");
    FullyConnected layers = network.getFullyConnected();
    require(
        layers.getWidthsCount() >= 1 && layers.getWidthsCount() <= MAX_LAYERS,
        "network.widths",
        "must have 1 to %d hidden layers, got %d".formatted(MAX_LAYERS, layers.getWidthsCount()));
    for (int layer = 0; layer < layers.getWidthsCount(); layer++) {
      String field = "network.widths[" + layer + "]";
      requireWithin(field, layers.getWidths(layer), MAX_WIDTH);
      long weights = layer == 0 ? 0 : (long) layers.getWidths(layer - 1) * layers.getWidths(layer);
      require(
          weights <= Integer.MAX_VALUE,
          field,
          "the layer would have %d weights, more than %d".formatted(weights, Integer.MAX_VALUE));
    }
    Activation activation = layers.getActivation();
    require(
        activation.getFunctionCase() == Activation.FunctionCase.SOFTPLUS,
        "network.activation",
        "must be softplus");
    requirePositive(
        "network.activation.softplus.sharpness", activation.getSoftplus().getSharpness());
  }

  private static void validateAlgorithm(AlgorithmSpec algorithm) {
    require(
        algorithm.getAlgorithmCase() == AlgorithmSpec.AlgorithmCase.SGD,
        "algorithm",
        "must be sgd");
    StochasticGradientDescent sgd = algorithm.getSgd();
    requireWithin("algorithm.sgd.batch-size", sgd.getBatchSize(), Integer.MAX_VALUE);
    requirePositive("algorithm.sgd.learning-rate", sgd.getLearningRate());
    require(
        sgd.getMomentum() >= 0 && sgd.getMomentum() < 1,
        "algorithm.sgd.momentum",
        "must be at least 0 and less than 1, got %s".formatted(sgd.getMomentum()));
    requireNotNegative("algorithm.sgd.weight-decay", sgd.getWeightDecay());
    LearningRateSchedule schedule = sgd.getSchedule();
    require(
        schedule.getScheduleCase() != LearningRateSchedule.ScheduleCase.SCHEDULE_NOT_SET,
        "algorithm.sgd.schedule",
        "must be constant, step or cosine");
    if (schedule.hasStep()) {
      requireWithin(
          "algorithm.sgd.schedule.step.every-epochs",
          schedule.getStep().getEveryEpochs(),
          MAX_EPOCHS);
      require(
          schedule.getStep().getFactor() > 0 && schedule.getStep().getFactor() <= 1,
          "algorithm.sgd.schedule.step.factor",
          "must be more than 0 and at most 1, got %s".formatted(schedule.getStep().getFactor()));
    }
  }

  private static void validateTwoPhase(TwoPhaseSpec twoPhase) {
    require(
        twoPhase.getSwitchFraction() > 0 && twoPhase.getSwitchFraction() < 1,
        "two-phase.switch-fraction",
        "must be between 0 and 1, got %s".formatted(twoPhase.getSwitchFraction()));
    requireNotNegative("two-phase.noise", twoPhase.getNoise());
    require(
        twoPhase.getSolver() != PhaseTwoSolver.PHASE_TWO_SOLVER_UNSPECIFIED
            && twoPhase.getSolver() != PhaseTwoSolver.UNRECOGNIZED,
        "two-phase.solver",
        "must be base or gradient-descent");
    Duration timeout = twoPhase.getVerdictTimeout();
    boolean positive = timeout.getSeconds() > 0 || timeout.getNanos() > 0;
    require(
        positive
            && timeout.getSeconds() >= 0
            && timeout.getSeconds() < MAX_VERDICT_TIMEOUT_SECONDS
            && timeout.getNanos() >= 0
            && timeout.getNanos() < 1_000_000_000,
        "two-phase.verdict-timeout",
        "must be more than 0s and less than %ds, got %ds and %dns"
            .formatted(MAX_VERDICT_TIMEOUT_SECONDS, timeout.getSeconds(), timeout.getNanos()));
  }

  private static void validateVariants(List<Variant> variants) {
    require(!variants.isEmpty(), "variants", "is empty; list base, two-phase or both");
    Set<Variant> seen = new HashSet<>();
    for (int i = 0; i < variants.size(); i++) {
      Variant variant = variants.get(i);
      String field = "variants[" + i + "]";
      require(
          variant != Variant.VARIANT_UNSPECIFIED && variant != Variant.UNRECOGNIZED,
          field,
          "must be base or two-phase");
      require(seen.add(variant), field, "listed twice; keep one");
    }
  }

  private static void validateSeeds(List<Long> seeds) {
    require(
        !seeds.isEmpty() && seeds.size() <= MAX_SEEDS,
        "seeds",
        "must list 1 to %d seeds, got %d".formatted(MAX_SEEDS, seeds.size()));
    Set<Long> seen = new HashSet<>();
    for (int i = 0; i < seeds.size(); i++) {
      require(
          seen.add(seeds.get(i)),
          "seeds[" + i + "]",
          "%s is listed twice; keep one".formatted(Long.toUnsignedString(seeds.get(i))));
    }
  }

  private static void validateSnapshots(SnapshotPolicy snapshots) {
    switch (snapshots.getIntervalCase()) {
      case EVERY_STEPS ->
          requireWithin("snapshots.every-steps", snapshots.getEverySteps(), Integer.MAX_VALUE);
      case EVERY_EPOCHS ->
          requireWithin("snapshots.every-epochs", snapshots.getEveryEpochs(), MAX_EPOCHS);
      case INTERVAL_NOT_SET ->
          throw new InvalidExperimentException("snapshots", "set every-steps or every-epochs");
    }
    require(
        snapshots.getWeights() || snapshots.getGradients(),
        "snapshots",
        "weights and gradients are both false: nothing to publish; set one to true");
  }

  /** An unsigned 32-bit number must be 1 … max. */
  private static void requireWithin(String field, int value, int max) {
    require(
        value >= 1 && value <= max,
        field,
        "must be 1 to %d, got %s".formatted(max, Integer.toUnsignedString(value)));
  }

  private static void requirePositive(String field, double value) {
    require(
        value > 0 && Double.isFinite(value),
        field,
        "must be a number above 0, got %s".formatted(value));
  }

  private static void requireNotNegative(String field, double value) {
    require(
        value >= 0 && Double.isFinite(value),
        field,
        "must be a number of 0 or more, got %s".formatted(value));
  }

  private static void require(boolean holds, String field, String problem) {
    if (!holds) {
      throw new InvalidExperimentException(field, problem);
    }
  }
}
