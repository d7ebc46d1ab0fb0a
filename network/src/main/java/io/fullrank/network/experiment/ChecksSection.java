package io.fullrank.network.experiment;

import io.fullrank.network.description.Choice;
import io.fullrank.network.description.Parameter;
import io.fullrank.network.description.Range;
import io.fullrank.network.experiment.yaml.InvalidExperimentException;
import io.fullrank.network.experiment.yaml.Spelling;
import io.fullrank.network.experiment.yaml.YamlNode;
import io.fullrank.network.experiment.yaml.YamlValue;
import io.fullrank.proto.v1.Checks;
import io.fullrank.proto.v1.NamedCheck;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The section {@code checks} of an experiment: a mapping from checks to their parameters. */
final class ChecksSection {

  private static final String EVERY_EPOCHS_KEY = "every-epochs";

  private static final Parameter EVERY_EPOCHS =
      Parameter.count(
              EVERY_EPOCHS_KEY,
              Range.count(0, Integer.MAX_VALUE),
              "epochs",
              "judges of the snapshots those that are the first after each multiple of this many"
                  + " epochs, and always witnesses and the last; 0: all")
          .byDefault(0L);

  /** All checks that come with Fullrank. */
  static final List<Choice> ALL =
      List.of(
          Choice.of(
              ChosenChecks.EXPRESSIVITY,
              Checks.getDefaultInstance(),
              Checks.EXPRESSIVITY_FIELD_NUMBER,
              List.of(
                  Parameter.flag(
                          "exact",
                          "whether the checker judges the network in exact arithmetic, too, for every"
                              + " witness and for the last snapshot of a base run")
                      .byDefault(false),
                  EVERY_EPOCHS),
              "the features of the last hidden layer have full row rank"),
          Choice.of(
              ChosenChecks.TANGENT_KERNEL,
              Checks.getDefaultInstance(),
              Checks.TANGENT_KERNEL_FIELD_NUMBER,
              List.of(
                  Parameter.texts(
                      "layers",
                      Range.count(0, 1000),
                      "names",
                      "the layers whose parameters the Jacobian is in; none: the cheapest ones that"
                          + " can have as many columns as it has rows"),
                  Parameter.count(
                          "examples",
                          Range.count(0, Integer.MAX_VALUE),
                          "training examples",
                          "how many the Jacobian is about, spread evenly over the training set; 0:"
                              + " all, or as many as fit")
                      .byDefault(0L),
                  EVERY_EPOCHS),
              "the Jacobian of the outputs in the parameters of some layers has full row rank"),
          named("collapse", "ranks of the features and dormant units, layer by layer; estimates"),
          named(
              "gradient-descent",
              "the Gram matrices of Du et al. and how far they and the weights have moved"),
          named("margins", "the margins and norms of Poggio et al., layer by layer"));

  private static final int MAX_KEY_CHARACTERS = 100;
  private static final int MAX_NAMED = 50;
  private static final int MAX_PARAMETERS = 100;
  private static final int MAX_TEXT_CHARACTERS = 1000;

  private ChecksSection() {}

  private static Choice named(String key, String sentence) {
    return new Choice(
        key,
        Checks.NAMED_FIELD_NUMBER,
        NamedCheck.newBuilder().setName(key).build(),
        List.of(EVERY_EPOCHS),
        sentence);
  }

  /** Reads the section. What is not given has its default. */
  static Checks read(YamlValue value) {
    if (!(value.node() instanceof YamlNode.Mapping mapping)) {
      throw value.invalid(
          "expected a mapping with the keys %s, got %s"
              .formatted(String.join(", ", known()), value.node().description()));
    }
    YamlValue.Section keys = value.anySection();
    Checks.Builder checks = Checks.newBuilder();
    for (String key : mapping.entries().keySet()) {
      YamlValue given = keys.required(key);
      if (key.contains(".")) {
        checks.addNamed(thirdParty(key, given));
      } else if (known().contains(key)) {
        Choice check = ParameterReader.byKey(ALL, Choice::key, key);
        check.choose(
            checks,
            ParameterReader.values(given.section(ParameterReader.keys(check.parameters())), check));
      } else {
        throw given.invalid("unknown key" + hint(key));
      }
    }
    return checks.build();
  }

  private static NamedCheck thirdParty(String name, YamlValue value) {
    YamlValue.Section keys = value.anySection();
    NamedCheck.Builder check = NamedCheck.newBuilder().setName(name);
    for (String key : ((YamlNode.Mapping) value.node()).entries().keySet()) {
      YamlValue given = keys.required(key);
      if (key.equals(EVERY_EPOCHS_KEY)) {
        check.setEveryEpochs(given.count());
      } else {
        check.putParameters(key, given.text());
      }
    }
    return check.build();
  }

  /**
   * Checks the section.
   *
   * @throws InvalidExperimentException naming the first check that is not known, or the first
   *     parameter that is out of range
   */
  static void check(Checks checks) {
    ALL.stream()
        .filter(check -> check.isChosenBy(checks))
        .forEach(check -> ParameterCheck.check("checks." + check.key(), check, checks));
    require(
        checks.getNamedCount() <= MAX_NAMED,
        "checks",
        "must name at most %d checks, got %d".formatted(MAX_NAMED, checks.getNamedCount()));
    Set<String> seen =
        new HashSet<>(Set.of(ChosenChecks.EXPRESSIVITY, ChosenChecks.TANGENT_KERNEL));
    for (NamedCheck named : checks.getNamedList()) {
      check(named, "checks." + named.getName());
      require(seen.add(named.getName()), "checks." + named.getName(), "given twice; keep one");
    }
  }

  private static void check(NamedCheck named, String field) {
    String name = named.getName();
    if (name.contains(".")) {
      ChosenChecks.problemWithThirdPartyName(name)
          .ifPresent(problem -> require(false, field, problem));
      checkParameters(named.getParametersMap(), field);
    } else {
      require(known().contains(name), field, "unknown check" + hint(name));
      named
          .getParametersMap()
          .keySet()
          .forEach(key -> require(false, field + "." + key, "unknown key; leave it out"));
    }
    require(
        named.getEveryEpochs() >= 0,
        field + "." + EVERY_EPOCHS_KEY,
        "%s is more than %d"
            .formatted(Integer.toUnsignedString(named.getEveryEpochs()), Integer.MAX_VALUE));
  }

  private static void checkParameters(Map<String, String> parameters, String field) {
    require(
        parameters.size() <= MAX_PARAMETERS,
        field,
        "must have at most %d parameters, got %d".formatted(MAX_PARAMETERS, parameters.size()));
    parameters.forEach(
        (key, value) ->
            require(
                !key.isBlank()
                    && key.length() <= MAX_KEY_CHARACTERS
                    && value.length() <= MAX_TEXT_CHARACTERS,
                field + "." + key,
                "must have a name of 1 to %d characters and a value of at most %d"
                    .formatted(MAX_KEY_CHARACTERS, MAX_TEXT_CHARACTERS)));
  }

  /** The nearest known check, or all of them. */
  private static String hint(String name) {
    return Spelling.hint(name, known())
        + (Spelling.nearest(name, known()).isPresent()
            ? ""
            : "; the name of a check from outside Fullrank has a dot");
  }

  private static List<String> known() {
    return ALL.stream().map(Choice::key).toList();
  }

  private static void require(boolean holds, String field, String problem) {
    if (!holds) {
      throw new InvalidExperimentException(field, problem);
    }
  }
}
