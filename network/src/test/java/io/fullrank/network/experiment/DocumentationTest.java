package io.fullrank.network.experiment;

import static org.assertj.core.api.Assertions.assertThat;

import io.fullrank.network.algorithm.Algorithms;
import io.fullrank.network.architecture.Architecture;
import io.fullrank.network.architecture.Architectures;
import io.fullrank.network.data.DataSets;
import io.fullrank.network.description.Choice;
import io.fullrank.network.phase.Solver;
import io.fullrank.network.phase.Solvers;
import io.fullrank.proto.v1.NetworkSpec;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Documents and the page say what the descriptors say. */
class DocumentationTest {

  private static final Path DOCUMENT = Path.of("../docs/experiments.md");
  private static final Path PAGE =
      Path.of("../metrics-service/src/main/resources/META-INF/resources/page/networks.js");

  static Stream<Map.Entry<String, String>> tables() {
    return DocumentedTables.all().entrySet().stream();
  }

  /** On failure, the message holds the table to copy into the document. */
  @ParameterizedTest
  @MethodSource("tables")
  void theDocumentHasTheTables(Map.Entry<String, String> table) throws IOException {
    assertThat(Files.readString(DOCUMENT)).contains(table.getValue());
  }

  static Stream<Arguments> namesByKey() {
    List<String> networks = Architectures.ALL.stream().map(known -> known.choice().key()).toList();
    List<String> algorithms =
        Algorithms.STANDARD.all().stream().map(known -> known.choice().key()).toList();
    List<String> solvers = Solvers.ALL.stream().map(Solver::key).toList();
    return Stream.of(
        Arguments.of("dataset.name", DataSets.names(), Optional.empty()),
        Arguments.of("network.type", networks, Optional.empty()),
        Arguments.of("algorithm", algorithms, Optional.of(algorithms.get(0))),
        Arguments.of("two-phase.solver", solvers, Optional.of(solvers.get(0))));
  }

  /** Other words may follow the names in their cell, but no further names. */
  @ParameterizedTest
  @MethodSource("namesByKey")
  void theTableOfKeysHasTheNames(String key, List<String> names, Optional<String> byDefault)
      throws IOException {
    assertThat(Files.readAllLines(DOCUMENT))
        .filteredOn(line -> line.startsWith("| `%s` |".formatted(key)))
        .singleElement(InstanceOfAssertFactories.STRING)
        .matches(
            "\\|[^|]+\\|[^|]+\\| %s(, [^`|][^|]*)? \\| %s \\|"
                .formatted(
                    names.stream().map("`%s`"::formatted).collect(Collectors.joining(", ")),
                    byDefault.map("`%s`"::formatted).orElse("–")));
  }

  /** On failure, the message holds the lines to copy into the file. */
  @Test
  void thePageCallsNetworksAsReportsDo() throws IOException {
    String lines =
        Stream.concat(
                Architectures.ALL.stream().map(DocumentationTest::line).distinct(),
                Stream.of(line("external", "", Wording.EXTERNAL_PHRASE)))
            .collect(Collectors.joining());
    assertThat(Files.readString(PAGE)).endsWith("export const NETWORKS = [\n" + lines + "];\n");
  }

  /** Names are those of protobuf's JSON mapping, which the page reads. */
  private static String line(Architecture architecture) {
    Choice choice = architecture.choice();
    String field = NetworkSpec.getDescriptor().findFieldByNumber(choice.field()).getJsonName();
    String fixed =
        choice.prototype().getAllFields().entrySet().stream()
            .map(set -> "%s: '%s'".formatted(set.getKey().getJsonName(), set.getValue()))
            .collect(Collectors.joining(", "));
    return line(field, fixed.isEmpty() ? "" : " " + fixed + " ", architecture.phrase());
  }

  private static String line(String field, String fixed, String phrase) {
    return "  { field: '%s', fixed: {%s}, phrase: '%s' },\n".formatted(field, fixed, phrase);
  }
}
