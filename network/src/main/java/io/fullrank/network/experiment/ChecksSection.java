package io.fullrank.network.experiment;

import io.fullrank.network.description.Choice;
import io.fullrank.network.description.Parameter;
import io.fullrank.network.experiment.yaml.YamlValue;
import io.fullrank.proto.v1.Checks;
import java.util.List;

/** The section {@code checks} of an experiment: a mapping from checks to their parameters. */
final class ChecksSection {

  /** All checks that have parameters. */
  static final List<Choice> ALL =
      List.of(
          Choice.of(
              "expressivity",
              Checks.getDefaultInstance(),
              Checks.EXPRESSIVITY_FIELD_NUMBER,
              List.of(
                  Parameter.flag(
                          "exact",
                          "whether the checker judges the network in exact arithmetic, too, for every"
                              + " witness and for the last snapshot of a base run")
                      .byDefault(false)),
              "the features of the last hidden layer have full row rank"));

  private ChecksSection() {}

  /** Reads the section. What is not given has its default. */
  static Checks read(YamlValue value) {
    YamlValue.Section keys = value.section(ALL.stream().map(Choice::key).toArray(String[]::new));
    Checks.Builder checks = Checks.newBuilder();
    for (Choice check : ALL) {
      keys.optional(check.key())
          .ifPresent(
              given ->
                  check.choose(
                      checks,
                      ParameterReader.values(
                          given.section(ParameterReader.keys(check.parameters())), check)));
    }
    return checks.build();
  }

  /**
   * Checks the section.
   *
   * @throws io.fullrank.network.experiment.yaml.InvalidExperimentException naming the first
   *     parameter that is out of range
   */
  static void check(Checks checks) {
    ALL.stream()
        .filter(check -> check.isChosenBy(checks))
        .forEach(check -> ParameterCheck.check("checks." + check.key(), check, checks));
  }
}
