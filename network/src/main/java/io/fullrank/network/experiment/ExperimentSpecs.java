package io.fullrank.network.experiment;

import com.google.protobuf.Duration;
import io.fullrank.network.activation.Activations;
import io.fullrank.network.algorithm.Algorithms;
import io.fullrank.network.architecture.Architecture;
import io.fullrank.network.architecture.Architectures;
import io.fullrank.network.data.DataSets;
import io.fullrank.network.data.sample.ImageShape;
import io.fullrank.network.description.Values;
import io.fullrank.network.experiment.yaml.InvalidExperimentException;
import io.fullrank.network.experiment.yaml.Spelling;
import io.fullrank.network.jacobian.JacobianLayers;
import io.fullrank.network.phase.Solver;
import io.fullrank.network.phase.Solvers;
import io.fullrank.proto.v1.Activation;
import io.fullrank.proto.v1.Augmentation;
import io.fullrank.proto.v1.DataSetSpec;
import io.fullrank.proto.v1.ExperimentSpec;
import io.fullrank.proto.v1.ExternalNetwork;
import io.fullrank.proto.v1.HiddenLayers;
import io.fullrank.proto.v1.Loss;
import io.fullrank.proto.v1.SnapshotPolicy;
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

  /** The equivalence margin of experiments that name none: half a percent of the test rows. */
  public static final double DEFAULT_EQUIVALENCE_MARGIN = 0.005;

  private static final Pattern NAME = Pattern.compile("[a-z][a-z0-9-]{0,62}");
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
    validate(spec, Algorithms.STANDARD);
  }

  /**
   * Checks that an experiment can be run with one of these algorithms.
   *
   * @throws InvalidExperimentException naming the first field that is missing or out of range
   */
  public static void validate(ExperimentSpec spec, Algorithms algorithms) {
    validateName(spec.getName());
    require(
        !spec.getNetwork().hasExternal() && !spec.getAlgorithm().hasExternal(),
        spec.getNetwork().hasExternal() ? "network.external" : "algorithm.external",
        "is trained by the program that it belongs to and cannot be submitted; that program"
            + " registers its runs with IngestService.RegisterRun");
    validateDataSet(spec.getDataSet());
    NetworkSection.check(spec.getNetwork());
    require(
        spec.getLoss() == Loss.LOSS_CROSS_ENTROPY || spec.getLoss() == Loss.LOSS_SQUARED,
        "loss",
        "must be cross-entropy or squared");
    requireWithin("epochs", spec.getEpochs(), MAX_EPOCHS);
    AlgorithmSection.check(spec.getAlgorithm(), algorithms, spec.getEpochs());
    validateVariants(spec.getVariantsList());
    if (spec.getVariantsList().contains(Variant.VARIANT_TWO_PHASE)) {
      require(spec.hasTwoPhase(), "two-phase", "missing, but variants has two-phase");
    }
    if (spec.hasTwoPhase()) {
      Solver solver = validateTwoPhase(spec.getTwoPhase());
      require(
          !solver.closedForm() || spec.getLoss() == Loss.LOSS_SQUARED,
          "two-phase.solver",
          solver.key()
              + " solves for the squared loss, but the loss is cross-entropy; set loss to squared, or the solver to"
              + " nesterov");
    }
    validateSeeds(spec.getSeedsList());
    validateSnapshots(spec.getSnapshots());
    validateChecks(spec);
    RulesSection.check(spec.getRulesList());
    validateEquivalenceMargin(spec.getEquivalenceMargin());
  }

  /**
   * Checks the experiment of a run that a program outside Fullrank trains: what it says of data,
   * epochs and snapshots is for people to read.
   *
   * @throws InvalidExperimentException naming the first field that is missing or out of range
   */
  public static void validateExternal(ExperimentSpec spec) {
    validateName(spec.getName());
    require(spec.getNetwork().hasExternal(), "network.external", "is missing");
    ExternalNetwork network = spec.getNetwork().getExternal();
    requireWithin(
        "network.external.last-hidden-width", network.getLastHiddenWidth(), Integer.MAX_VALUE);
    requireWithin("network.external.outputs", network.getOutputs(), Integer.MAX_VALUE);
    require(spec.getAlgorithm().hasExternal(), "algorithm.external", "is missing");
    require(
        !spec.getAlgorithm().getExternal().getName().isBlank(),
        "algorithm.external.name",
        "is missing");
    require(
        spec.getLoss() != Loss.LOSS_UNSPECIFIED && spec.getLoss() != Loss.UNRECOGNIZED,
        "loss",
        "must be cross-entropy, squared or external");
    validateVariants(spec.getVariantsList());
    if (spec.getVariantsList().contains(Variant.VARIANT_TWO_PHASE)) {
      require(spec.hasTwoPhase(), "two-phase", "missing, but variants has two-phase");
    }
    if (spec.hasTwoPhase()) {
      validateTwoPhase(spec.getTwoPhase());
    }
    validateSeeds(spec.getSeedsList());
    validateChecks(spec);
    require(
        !spec.getChecks().getExpressivity().getExact(),
        "checks.expressivity.exact",
        "takes a network that Fullrank trains, since a checker has to compute it; leave it out");
    RulesSection.check(spec.getRulesList());
    validateEquivalenceMargin(spec.getEquivalenceMargin());
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
    Architecture architecture = Architectures.chosenBy(spec.getNetwork()).orElseThrow();
    Values network = architecture.choice().valuesIn(spec.getNetwork());
    long width = architecture.features().of(network, shape);
    if (width + 1 < rows) {
      warnings.add(
          ("the last hidden layer is %d wide; with the bias that is %d columns for %d rows: "
                  + "the expressivity condition cannot hold (needs width ≥ %d)")
              .formatted(width, width + 1, rows, rows - 1));
    }
    Activation activation = Architecture.activationOf(network);
    Activations.chosenBy(activation)
        .filter(chosen -> !chosen.functionOf(activation).analytic())
        .ifPresent(
            chosen ->
                warnings.add(
                    ("%s is not real-analytic: a certificate is about the weights it was made for alone, and none shows the"
                            + " expressivity condition (softplus comes as close to relu as its sharpness says, and is analytic)")
                        .formatted(chosen.choice().key())));
    Algorithms.STANDARD
        .chosenBy(spec.getAlgorithm())
        .flatMap(algorithm -> algorithm.batchSize(spec.getAlgorithm()))
        .filter(batch -> batch > rows)
        .ifPresent(
            batch ->
                warnings.add(
                    "the batch size is %d, but there are %d training rows: every step uses all of them"
                        .formatted(batch, rows)));
    warnings.addAll(RulesSection.warnings(spec));
    return List.copyOf(warnings);
  }

  private static void validateName(String name) {
    require(
        NAME.matcher(name).matches(),
        "name",
        "'%s' must be 1 to 63 of a-z, 0-9 and '-', starting with a letter".formatted(name));
  }

  private static void validateEquivalenceMargin(double margin) {
    require(
        margin > 0 && margin < 1,
        "comparison.equivalence-margin",
        "must be between 0 and 1, a fraction of the test rows, got %s".formatted(margin));
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

  private static Solver validateTwoPhase(TwoPhaseSpec twoPhase) {
    require(
        twoPhase.getSwitchFraction() > 0 && twoPhase.getSwitchFraction() < 1,
        "two-phase.switch-fraction",
        "must be between 0 and 1, got %s".formatted(twoPhase.getSwitchFraction()));
    requireNotNegative("two-phase.noise", twoPhase.getNoise());
    Solver solver =
        Solvers.chosenBy(twoPhase.getSolver())
            .orElseThrow(
                () ->
                    new InvalidExperimentException(
                        "two-phase.solver",
                        "must be "
                            + ParameterCheck.oneOf(
                                Solvers.ALL.stream().map(Solver::key).toList())));
    require(
        twoPhase.getHidden() != HiddenLayers.UNRECOGNIZED,
        "two-phase.hidden",
        "must be frozen or rank-preserving");
    require(
        twoPhase.getHidden() != HiddenLayers.HIDDEN_LAYERS_RANK_PRESERVING || !solver.closedForm(),
        "two-phase.hidden",
        solver.key()
            + " solves once, for hidden layers that stay as they are; set hidden to frozen, or the solver to"
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
    return solver;
  }

  private static void validateChecks(ExperimentSpec spec) {
    ChecksSection.check(spec.getChecks());
    require(
        !spec.getVariantsList().contains(Variant.VARIANT_TWO_PHASE)
            || ChosenChecks.has(spec, ChosenChecks.EXPRESSIVITY),
        "checks",
        "phase 2 waits for what expressivity says of a witness; add expressivity: {}, or take"
            + " two-phase out of variants");
    // Of a program outside Fullrank it is not known which layers there are.
    if (!spec.getNetwork().hasExternal()) {
      try {
        JacobianLayers.check(
            spec.getNetwork(), spec.getChecks().getTangentKernel().getLayersList());
      } catch (IllegalArgumentException unknown) {
        throw new InvalidExperimentException("checks.tangent-kernel.layers", unknown.getMessage());
      }
    }
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
