package io.fullrank.network.experiment;

import io.fullrank.network.algorithm.Algorithm;
import io.fullrank.network.algorithm.Algorithms;
import io.fullrank.network.algorithm.LearningRate;
import io.fullrank.network.description.Choice;
import io.fullrank.network.description.Values;
import io.fullrank.network.experiment.yaml.InvalidExperimentException;
import io.fullrank.network.experiment.yaml.YamlNode;
import io.fullrank.network.experiment.yaml.YamlValue;
import io.fullrank.proto.v1.AlgorithmSpec;
import io.fullrank.proto.v1.CosineSchedule;
import io.fullrank.proto.v1.LearningRateSchedule;
import java.util.LinkedHashMap;
import java.util.Map;

/** The section {@code algorithm} of an experiment: one base algorithm with its parameters. */
final class AlgorithmSection {

  private static final String SCHEDULE = "schedule";
  private static final String WARM_UP = "warm-up-epochs";

  private AlgorithmSection() {}

  /** Reads the section; an empty mapping is the first of the algorithms with its defaults. */
  static AlgorithmSpec read(YamlValue value, Algorithms algorithms) {
    if (value.node() instanceof YamlNode.Mapping mapping && mapping.entries().isEmpty()) {
      return read(value, algorithms.all().get(0));
    }
    YamlValue chosen =
        value.choice(
            algorithms.all().stream()
                .map(algorithm -> algorithm.choice().key())
                .toArray(String[]::new));
    return read(
        chosen,
        ParameterReader.byKey(
            algorithms.all(), algorithm -> algorithm.choice().key(), chosen.name()));
  }

  private static AlgorithmSpec read(YamlValue value, Algorithm algorithm) {
    Choice choice = algorithm.choice();
    YamlValue.Section keys =
        value.section(ParameterReader.keys(choice.parameters(), SCHEDULE, WARM_UP));
    Map<String, Object> values = new LinkedHashMap<>(ParameterReader.values(keys, choice).byKey());
    values.put(SCHEDULE, schedule(keys));
    AlgorithmSpec.Builder spec = AlgorithmSpec.newBuilder();
    choice.choose(spec, new Values(values));
    return spec.build();
  }

  private static LearningRateSchedule schedule(YamlValue.Section keys) {
    LearningRateSchedule.Builder schedule = LearningRateSchedule.newBuilder();
    keys.optional(WARM_UP).map(YamlValue::count).ifPresent(schedule::setWarmUpEpochs);
    keys.optional(SCHEDULE)
        .ifPresentOrElse(
            value -> ParameterReader.choose(value, LearningRate.SCHEDULES, schedule),
            () -> schedule.setCosine(CosineSchedule.getDefaultInstance()));
    return schedule.build();
  }

  /**
   * Checks the section.
   *
   * @throws InvalidExperimentException naming the first field that is missing or out of range
   */
  static void check(AlgorithmSpec spec, Algorithms algorithms, int epochs) {
    Algorithm algorithm =
        ParameterCheck.chosen(
            "algorithm",
            algorithms.chosenBy(spec),
            algorithms.all(),
            known -> known.choice().key());
    String path = "algorithm." + algorithm.choice().key();
    Values values = ParameterCheck.check(path, algorithm.choice(), spec);
    ParameterCheck.refuse(path, algorithm.check().apply(values));
    checkSchedule(path, algorithm.schedule(spec), epochs);
  }

  private static void checkSchedule(String algorithm, LearningRateSchedule schedule, int epochs) {
    String path = algorithm + "." + SCHEDULE;
    Choice chosen =
        ParameterCheck.chosen(
            path,
            LearningRate.SCHEDULES.stream().filter(known -> known.isChosenBy(schedule)).findFirst(),
            LearningRate.SCHEDULES,
            Choice::key);
    ParameterCheck.check(path + "." + chosen.key(), chosen, schedule);
    if (Integer.compareUnsigned(schedule.getWarmUpEpochs(), epochs) > 0) {
      throw new InvalidExperimentException(
          algorithm + "." + WARM_UP,
          "must be at most the %d epochs there are, got %s"
              .formatted(epochs, Integer.toUnsignedString(schedule.getWarmUpEpochs())));
    }
  }
}
