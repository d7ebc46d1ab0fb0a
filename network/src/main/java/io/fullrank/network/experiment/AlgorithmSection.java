package io.fullrank.network.experiment;

import io.fullrank.network.experiment.yaml.YamlNode;
import io.fullrank.network.experiment.yaml.YamlValue;
import io.fullrank.proto.v1.Adam;
import io.fullrank.proto.v1.AlgorithmSpec;
import io.fullrank.proto.v1.ConstantSchedule;
import io.fullrank.proto.v1.CosineSchedule;
import io.fullrank.proto.v1.GradientDescent;
import io.fullrank.proto.v1.LearningRateSchedule;
import io.fullrank.proto.v1.RootMeanSquarePropagation;
import io.fullrank.proto.v1.StepSchedule;
import io.fullrank.proto.v1.StochasticGradientDescent;

/** The section {@code algorithm} of an experiment file: one base algorithm with its parameters. */
final class AlgorithmSection {

  private static final int BATCH_SIZE = 64;

  private AlgorithmSection() {}

  /** Reads the section; an empty mapping is SGD with its defaults. */
  static AlgorithmSpec algorithm(YamlValue value) {
    if (value.node() instanceof YamlNode.Mapping mapping && mapping.entries().isEmpty()) {
      return sgd(value);
    }
    YamlValue chosen = value.choice("sgd", "adam", "adamw", "rmsprop", "gradient-descent");
    return switch (chosen.name()) {
      case "adam" -> AlgorithmSpec.newBuilder().setAdam(adam(chosen, 0)).build();
      case "adamw" -> AlgorithmSpec.newBuilder().setAdamW(adam(chosen, 0.01)).build();
      case "rmsprop" -> AlgorithmSpec.newBuilder().setRmsprop(rmsprop(chosen)).build();
      case "gradient-descent" ->
          AlgorithmSpec.newBuilder().setGradientDescent(gradientDescent(chosen)).build();
      default -> sgd(chosen);
    };
  }

  private static AlgorithmSpec sgd(YamlValue value) {
    YamlValue.Section keys =
        value.section(
            "batch-size",
            "learning-rate",
            "momentum",
            "nesterov",
            "weight-decay",
            "schedule",
            "warm-up-epochs");
    return AlgorithmSpec.newBuilder()
        .setSgd(
            StochasticGradientDescent.newBuilder()
                .setBatchSize(batchSize(keys))
                .setLearningRate(number(keys, "learning-rate", 0.05))
                .setMomentum(number(keys, "momentum", 0.9))
                .setNesterov(keys.optional("nesterov").map(YamlValue::flag).orElse(false))
                .setWeightDecay(number(keys, "weight-decay", 1e-5))
                .setSchedule(schedule(keys)))
        .build();
  }

  private static Adam adam(YamlValue value, double weightDecay) {
    YamlValue.Section keys =
        value.section(
            "batch-size",
            "learning-rate",
            "beta1",
            "beta2",
            "epsilon",
            "weight-decay",
            "schedule",
            "warm-up-epochs");
    return Adam.newBuilder()
        .setBatchSize(batchSize(keys))
        .setLearningRate(number(keys, "learning-rate", 1e-3))
        .setBeta1(number(keys, "beta1", 0.9))
        .setBeta2(number(keys, "beta2", 0.999))
        .setEpsilon(number(keys, "epsilon", 1e-8))
        .setWeightDecay(number(keys, "weight-decay", weightDecay))
        .setSchedule(schedule(keys))
        .build();
  }

  private static RootMeanSquarePropagation rmsprop(YamlValue value) {
    YamlValue.Section keys =
        value.section(
            "batch-size",
            "learning-rate",
            "alpha",
            "epsilon",
            "momentum",
            "weight-decay",
            "schedule",
            "warm-up-epochs");
    return RootMeanSquarePropagation.newBuilder()
        .setBatchSize(batchSize(keys))
        .setLearningRate(number(keys, "learning-rate", 1e-3))
        .setAlpha(number(keys, "alpha", 0.99))
        .setEpsilon(number(keys, "epsilon", 1e-8))
        .setMomentum(number(keys, "momentum", 0))
        .setWeightDecay(number(keys, "weight-decay", 0))
        .setSchedule(schedule(keys))
        .build();
  }

  private static GradientDescent gradientDescent(YamlValue value) {
    YamlValue.Section keys =
        value.section("learning-rate", "weight-decay", "schedule", "warm-up-epochs");
    return GradientDescent.newBuilder()
        .setLearningRate(number(keys, "learning-rate", 0.05))
        .setWeightDecay(number(keys, "weight-decay", 0))
        .setSchedule(schedule(keys))
        .build();
  }

  private static int batchSize(YamlValue.Section keys) {
    return keys.optional("batch-size").map(YamlValue::count).orElse(BATCH_SIZE);
  }

  private static double number(YamlValue.Section keys, String key, double byDefault) {
    return keys.optional(key).map(YamlValue::number).orElse(byDefault);
  }

  private static LearningRateSchedule schedule(YamlValue.Section keys) {
    LearningRateSchedule.Builder schedule = LearningRateSchedule.newBuilder();
    keys.optional("warm-up-epochs").map(YamlValue::count).ifPresent(schedule::setWarmUpEpochs);
    keys.optional("schedule")
        .ifPresentOrElse(
            value -> set(schedule, value),
            () -> schedule.setCosine(CosineSchedule.getDefaultInstance()));
    return schedule.build();
  }

  private static void set(LearningRateSchedule.Builder schedule, YamlValue value) {
    YamlValue chosen = value.choice("constant", "step", "cosine");
    switch (chosen.name()) {
      case "constant" -> {
        chosen.section();
        schedule.setConstant(ConstantSchedule.getDefaultInstance());
      }
      case "cosine" -> {
        chosen.section();
        schedule.setCosine(CosineSchedule.getDefaultInstance());
      }
      default -> {
        YamlValue.Section keys = chosen.section("every-epochs", "factor");
        schedule.setStep(
            StepSchedule.newBuilder()
                .setEveryEpochs(keys.required("every-epochs").count())
                .setFactor(keys.required("factor").number()));
      }
    }
  }
}
