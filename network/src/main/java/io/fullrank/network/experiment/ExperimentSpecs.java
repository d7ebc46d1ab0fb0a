package io.fullrank.network.experiment;

import com.google.protobuf.Duration;
import io.fullrank.network.data.DataSets;
import io.fullrank.network.data.sample.ImageShape;
import io.fullrank.network.experiment.yaml.InvalidExperimentException;
import io.fullrank.network.experiment.yaml.Spelling;
import io.fullrank.proto.v1.Activation;
import io.fullrank.proto.v1.Adam;
import io.fullrank.proto.v1.AlgorithmSpec;
import io.fullrank.proto.v1.Augmentation;
import io.fullrank.proto.v1.DataSetSpec;
import io.fullrank.proto.v1.DuForm;
import io.fullrank.proto.v1.DuNetwork;
import io.fullrank.proto.v1.ExperimentSpec;
import io.fullrank.proto.v1.FullyConnected;
import io.fullrank.proto.v1.GradientDescent;
import io.fullrank.proto.v1.HiddenLayers;
import io.fullrank.proto.v1.Initialization;
import io.fullrank.proto.v1.LearningRateSchedule;
import io.fullrank.proto.v1.Loss;
import io.fullrank.proto.v1.NetworkSpec;
import io.fullrank.proto.v1.PhaseTwoSolver;
import io.fullrank.proto.v1.ResidualNetwork;
import io.fullrank.proto.v1.RootMeanSquarePropagation;
import io.fullrank.proto.v1.SnapshotPolicy;
import io.fullrank.proto.v1.Stage;
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

  /** A little above the least normal number of float32. */
  private static final double LEAST_EPSILON = 1.2e-38;

  private static final Pattern NAME = Pattern.compile("[a-z][a-z0-9-]{0,62}");
  private static final int MAX_LAYERS = 100;
  private static final int MAX_WIDTH = 1_000_000;
  private static final int MAX_STAGES = 20;
  private static final int MAX_CHANNELS = 8192;
  private static final int MAX_STRIDE = 16;

  /** Squared, the weights of a layer. */
  private static final int MAX_DU_WIDTH = 20_000;

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
    requireWithin("epochs", spec.getEpochs(), MAX_EPOCHS);
    validateAlgorithm(spec.getAlgorithm(), spec.getEpochs());
    validateVariants(spec.getVariantsList());
    if (spec.getVariantsList().contains(Variant.VARIANT_TWO_PHASE)) {
      require(spec.hasTwoPhase(), "two-phase", "missing, but variants has two-phase");
    }
    if (spec.hasTwoPhase()) {
      validateTwoPhase(spec.getTwoPhase());
      require(
          spec.getTwoPhase().getSolver() != PhaseTwoSolver.PHASE_TWO_SOLVER_MINIMUM_NORM
              || spec.getLoss() == Loss.LOSS_SQUARED,
          "two-phase.solver",
          "minimum-norm solves for the squared loss, but the loss is cross-entropy; set loss to squared, or the solver to"
              + " nesterov");
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
   * @param shape of a row of the data
   * @param rows the number of training rows, as loaded
   * @return one line each
   */
  public static List<String> warnings(ExperimentSpec spec, ImageShape shape, long rows) {
    List<String> warnings = new ArrayList<>();
    long width = features(spec.getNetwork(), shape);
    if (width + 1 < rows) {
      warnings.add(
          ("the last hidden layer is %d wide; with the bias that is %d columns for %d rows: "
                  + "the expressivity condition cannot hold (needs width ≥ %d)")
              .formatted(width, width + 1, rows, rows - 1));
    }
    if (activation(spec.getNetwork()).hasRelu()) {
      warnings.add(
          "relu is not real-analytic: a certificate is about the weights it was made for alone, and none shows the"
              + " expressivity condition (softplus comes as close to relu as its sharpness says, and is analytic)");
    }
    long batch = batchSize(spec.getAlgorithm());
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

  /** m_H, the number of features. */
  private static long features(NetworkSpec network, ImageShape shape) {
    return switch (network.getArchitectureCase()) {
      case FULLY_CONNECTED -> {
        FullyConnected layers = network.getFullyConnected();
        yield layers.getWidths(layers.getWidthsCount() - 1);
      }
      case RESIDUAL -> {
        ResidualNetwork layers = network.getResidual();
        yield layers.getWide() != 0
            ? layers.getWide()
            : layers.getStages(layers.getStagesCount() - 1).getChannels();
      }
      case DU -> {
        boolean pictures = network.getDu().getForm() == DuForm.DU_FORM_CONVOLUTIONAL_RESIDUAL;
        yield (pictures ? (long) shape.height() * shape.width() : 1) * network.getDu().getWidth();
      }
      case ARCHITECTURE_NOT_SET -> throw new IllegalArgumentException("not a valid experiment");
    };
  }

  private static Activation activation(NetworkSpec network) {
    return switch (network.getArchitectureCase()) {
      case FULLY_CONNECTED -> network.getFullyConnected().getActivation();
      case RESIDUAL -> network.getResidual().getActivation();
      case DU -> network.getDu().getActivation();
      case ARCHITECTURE_NOT_SET -> Activation.getDefaultInstance();
    };
  }

  private static void validateNetwork(NetworkSpec network) {
    switch (network.getArchitectureCase()) {
      case FULLY_CONNECTED -> validateFullyConnected(network.getFullyConnected());
      case RESIDUAL -> validateResidual(network.getResidual());
      case DU -> validateDu(network.getDu());
      case ARCHITECTURE_NOT_SET ->
          throw new InvalidExperimentException(
              "network.type", "must be fully-connected, resnet, resnet-18 or one of du-…");
    }
    Activation activation = activation(network);
    require(
        activation.getFunctionCase() != Activation.FunctionCase.FUNCTION_NOT_SET,
        "network.activation",
        "must be softplus, tanh, sigmoid, swish, gelu or relu");
    if (activation.hasSoftplus()) {
      requirePositive(
          "network.activation.softplus.sharpness", activation.getSoftplus().getSharpness());
    }
  }

  private static void validateInitialization(Initialization initialization) {
    require(
        initialization != Initialization.UNRECOGNIZED,
        "network.initialization",
        "must be he or glorot");
  }

  private static void validateResidual(ResidualNetwork network) {
    require(
        network.getStagesCount() >= 1 && network.getStagesCount() <= MAX_STAGES,
        "network.stages",
        "must have 1 to %d stages, got %d".formatted(MAX_STAGES, network.getStagesCount()));
    for (int k = 0; k < network.getStagesCount(); k++) {
      Stage stage = network.getStages(k);
      String field = "network.stages[" + k + "]";
      requireWithin(field + ".blocks", stage.getBlocks(), MAX_LAYERS);
      requireWithin(field + ".channels", stage.getChannels(), MAX_CHANNELS);
      requireWithin(field + ".stride", stage.getStride(), MAX_STRIDE);
    }
    if (network.getWide() != 0) {
      requireWithin("network.wide", network.getWide(), MAX_WIDTH);
    }
    validateInitialization(network.getInitialization());
  }

  private static void validateDu(DuNetwork network) {
    require(
        network.getForm() != DuForm.DU_FORM_UNSPECIFIED && network.getForm() != DuForm.UNRECOGNIZED,
        "network.type",
        "must be du-fully-connected, du-resnet or du-conv-resnet");
    boolean pictures = network.getForm() == DuForm.DU_FORM_CONVOLUTIONAL_RESIDUAL;
    requireWithin("network.width", network.getWidth(), pictures ? MAX_CHANNELS : MAX_DU_WIDTH);
    requireWithin("network.layers", network.getLayers(), MAX_LAYERS);
    if (network.getForm() != DuForm.DU_FORM_FULLY_CONNECTED) {
      requirePositive("network.residual-constant", network.getResidualConstant());
    }
  }

  private static void validateFullyConnected(FullyConnected layers) {
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
    validateInitialization(layers.getInitialization());
  }

  /** Rows per step that an algorithm asks for; 0 where it asks for none. */
  private static long batchSize(AlgorithmSpec algorithm) {
    int size =
        switch (algorithm.getAlgorithmCase()) {
          case SGD -> algorithm.getSgd().getBatchSize();
          case ADAM -> algorithm.getAdam().getBatchSize();
          case ADAM_W -> algorithm.getAdamW().getBatchSize();
          case RMSPROP -> algorithm.getRmsprop().getBatchSize();
          case GRADIENT_DESCENT, ALGORITHM_NOT_SET -> 0;
        };
    return Integer.toUnsignedLong(size);
  }

  private static void validateAlgorithm(AlgorithmSpec algorithm, int epochs) {
    switch (algorithm.getAlgorithmCase()) {
      case SGD -> {
        StochasticGradientDescent sgd = algorithm.getSgd();
        String path = "algorithm.sgd";
        requireWithin(path + ".batch-size", sgd.getBatchSize(), Integer.MAX_VALUE);
        requirePositive(path + ".learning-rate", sgd.getLearningRate());
        requireFraction(path + ".momentum", sgd.getMomentum());
        require(
            !sgd.getNesterov() || sgd.getMomentum() > 0,
            path + ".nesterov",
            "looks ahead along the momentum, which is 0; set momentum above 0, or nesterov to false");
        requireNotNegative(path + ".weight-decay", sgd.getWeightDecay());
        validateSchedule(path, sgd.getSchedule(), epochs);
      }
      case ADAM -> validateAdam("algorithm.adam", algorithm.getAdam(), epochs);
      case ADAM_W -> validateAdam("algorithm.adamw", algorithm.getAdamW(), epochs);
      case RMSPROP -> {
        RootMeanSquarePropagation rmsprop = algorithm.getRmsprop();
        String path = "algorithm.rmsprop";
        requireWithin(path + ".batch-size", rmsprop.getBatchSize(), Integer.MAX_VALUE);
        requirePositive(path + ".learning-rate", rmsprop.getLearningRate());
        requireFraction(path + ".alpha", rmsprop.getAlpha());
        requireEpsilon(path + ".epsilon", rmsprop.getEpsilon());
        requireFraction(path + ".momentum", rmsprop.getMomentum());
        requireNotNegative(path + ".weight-decay", rmsprop.getWeightDecay());
        validateSchedule(path, rmsprop.getSchedule(), epochs);
      }
      case GRADIENT_DESCENT -> {
        GradientDescent descent = algorithm.getGradientDescent();
        String path = "algorithm.gradient-descent";
        requirePositive(path + ".learning-rate", descent.getLearningRate());
        requireNotNegative(path + ".weight-decay", descent.getWeightDecay());
        validateSchedule(path, descent.getSchedule(), epochs);
      }
      case ALGORITHM_NOT_SET ->
          throw new InvalidExperimentException(
              "algorithm", "must be sgd, adam, adamw, rmsprop or gradient-descent");
    }
  }

  private static void validateAdam(String path, Adam adam, int epochs) {
    requireWithin(path + ".batch-size", adam.getBatchSize(), Integer.MAX_VALUE);
    requirePositive(path + ".learning-rate", adam.getLearningRate());
    requireFraction(path + ".beta1", adam.getBeta1());
    requireFraction(path + ".beta2", adam.getBeta2());
    requireEpsilon(path + ".epsilon", adam.getEpsilon());
    requireNotNegative(path + ".weight-decay", adam.getWeightDecay());
    validateSchedule(path, adam.getSchedule(), epochs);
  }

  private static void validateSchedule(
      String algorithm, LearningRateSchedule schedule, int epochs) {
    require(
        schedule.getScheduleCase() != LearningRateSchedule.ScheduleCase.SCHEDULE_NOT_SET,
        algorithm + ".schedule",
        "must be constant, step or cosine");
    if (schedule.hasStep()) {
      requireWithin(
          algorithm + ".schedule.step.every-epochs",
          schedule.getStep().getEveryEpochs(),
          MAX_EPOCHS);
      require(
          schedule.getStep().getFactor() > 0 && schedule.getStep().getFactor() <= 1,
          algorithm + ".schedule.step.factor",
          "must be more than 0 and at most 1, got %s".formatted(schedule.getStep().getFactor()));
    }
    require(
        Integer.compareUnsigned(schedule.getWarmUpEpochs(), epochs) <= 0,
        algorithm + ".warm-up-epochs",
        "must be at most the %d epochs there are, got %s"
            .formatted(epochs, Integer.toUnsignedString(schedule.getWarmUpEpochs())));
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
        "must be base, gradient-descent, nesterov or minimum-norm");
    require(
        twoPhase.getHidden() != HiddenLayers.UNRECOGNIZED,
        "two-phase.hidden",
        "must be frozen or rank-preserving");
    require(
        twoPhase.getHidden() != HiddenLayers.HIDDEN_LAYERS_RANK_PRESERVING
            || twoPhase.getSolver() != PhaseTwoSolver.PHASE_TWO_SOLVER_MINIMUM_NORM,
        "two-phase.hidden",
        "minimum-norm solves once, for hidden layers that stay as they are; set hidden to frozen, or the solver to"
            + " nesterov");
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

  private static void requireFraction(String field, double value) {
    require(
        value >= 0 && value < 1,
        field,
        "must be at least 0 and less than 1, got %s".formatted(value));
  }

  /** It keeps quotients finite, in float32. */
  private static void requireEpsilon(String field, double value) {
    require(
        value >= LEAST_EPSILON && Double.isFinite(value),
        field,
        "must be a number of %s or more, got %s".formatted(LEAST_EPSILON, value));
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
