package io.fullrank.network.experiment;

import io.fullrank.network.architecture.Architecture;
import io.fullrank.network.architecture.Architectures;
import io.fullrank.network.description.Choice;
import io.fullrank.network.description.Values;
import io.fullrank.network.experiment.yaml.InvalidExperimentException;
import io.fullrank.network.experiment.yaml.YamlValue;
import io.fullrank.proto.v1.NetworkSpec;
import java.util.ArrayList;
import java.util.List;

/** The section {@code network} of an experiment: one architecture with its parameters. */
final class NetworkSection {

  private static final String PATH = "network";
  private static final String TYPE = "type";

  private NetworkSection() {}

  /** Reads the section. The type comes first: it settles which other keys there are. */
  static NetworkSpec read(YamlValue value) {
    Architecture architecture =
        value
            .anySection()
            .required(TYPE)
            .oneOf(ParameterReader.words(Architectures.ALL, known -> known.choice().key()));
    Choice choice = architecture.choice();
    List<String> keys = new ArrayList<>(List.of(TYPE));
    keys.addAll(List.of(ParameterReader.keys(choice.parameters())));
    Values values = ParameterReader.values(value.section(keys.toArray(String[]::new)), choice);
    NetworkSpec.Builder spec = NetworkSpec.newBuilder();
    choice.choose(spec, architecture.spelledOut().apply(values));
    return spec.build();
  }

  /**
   * Checks the section.
   *
   * @throws InvalidExperimentException naming the first field that is missing or out of range
   */
  static void check(NetworkSpec spec) {
    Architecture architecture =
        ParameterCheck.chosen(
            PATH + "." + TYPE,
            Architectures.chosenBy(spec),
            Architectures.ALL,
            known -> known.choice().key());
    Values values = ParameterCheck.check(PATH, architecture.choice(), spec);
    ParameterCheck.refuse(PATH, architecture.check().apply(values));
  }
}
