package io.fullrank.network.experiment;

import static org.assertj.core.api.Assertions.assertThat;

import io.fullrank.network.architecture.Architecture;
import io.fullrank.network.architecture.Architectures;
import io.fullrank.network.description.Choice;
import io.fullrank.proto.v1.NetworkSpec;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
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
