package io.fullrank.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.fullrank.certificate.RankCertification;
import io.fullrank.certificate.backend.openblas.OpenBlas;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.result.Certificate;
import io.fullrank.cli.report.ExperimentReport;
import io.fullrank.cli.report.ImportReport;
import io.fullrank.cli.report.RunCheckReport;
import io.fullrank.cli.terminal.Environment;
import io.fullrank.network.experiment.ExperimentFile;
import io.fullrank.network.experiment.yaml.InvalidExperimentException;
import java.io.IOException;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Model.PositionalParamSpec;

/** What people and programs outside rely on by name is what docs/public lists. */
class PublicNamesTest {

  private static final Path ROOT = Path.of("..");
  private static final Pattern METER = Pattern.compile("\"(fullrank[._][a-z0-9._]*[a-z0-9])\"");
  private static final Pattern CODE = Pattern.compile("`([^`]+)`");

  // Keys below these depend on what was asked for.
  private static final Set<String> OPEN = Set.of("seconds");

  @Test
  void commandsAndTheirOptions() throws IOException {
    Set<String> names = new TreeSet<>();
    collect(
        Fullrank.commandLine(
            new Environment(
                System.out, System.err, OptionalInt.empty(), Path.of("no-installation"))),
        names);

    PublicList.of("commands.txt").requireEqualTo(names);
  }

  private static void collect(CommandLine command, Set<String> names) {
    String title = command.getCommandSpec().qualifiedName();
    names.add(title);
    for (OptionSpec option : command.getCommandSpec().options()) {
      // Every command has these two.
      if (!option.hidden() && !option.usageHelp() && !option.versionHelp()) {
        String value = option.arity().max() == 0 ? "" : " " + option.paramLabel();
        names.add(title + " " + option.longestName() + value);
      }
    }
    for (PositionalParamSpec parameter : command.getCommandSpec().positionalParameters()) {
      names.add(title + " " + parameter.paramLabel());
    }
    // What measures is for those who work on Fullrank.
    command.getSubcommands().entrySet().stream()
        .filter(sub -> !sub.getKey().equals("bench"))
        .forEach(sub -> collect(sub.getValue(), names));
  }

  @Test
  void keysOfResultsInJson() throws IOException {
    String matrices = "../certificate/src/test/resources/spectrum/";
    Set<String> keys = new TreeSet<>();
    addJson("check", json("check", matrices + "identity.npy", "--spectrum", "--json"), keys);
    addJson(
        "check", json("check", matrices + "identity.npy", "--method", "modular", "--json"), keys);
    addJson("check", json("check", matrices + "tall.npy", "--json"), keys);
    try (Matrix matrix = Matrix.of(new double[][] {{3, 0}, {0, 4}})) {
      Certificate certificate = new RankCertification(new OpenBlas(1)).certify(matrix);
      Map<String, Duration> total = Map.of("total", Duration.ZERO, "load", Duration.ZERO);
      RunCheckReport report =
          RunCheckReport.of("a.base.1", 1, "0a", certificate, Optional.empty(), total);
      addJson("check-run", new ObjectMapper().readTree(report.toJson()), keys);
    }
    addJson("doctor", json("doctor", "--json"), keys);
    addRecord("run", ExperimentReport.class, keys);
    addRecord("import", ImportReport.class, keys);

    PublicList.of("json.txt").requireEqualTo(keys);
  }

  @Test
  void javaLibraries() throws IOException {
    Set<String> names = new TreeSet<>();
    names.addAll(PublicApi.ofPackage("io.fullrank.client"));
    names.addAll(PublicApi.ofPackage("io.fullrank.samediff"));

    PublicList.of("java.txt").requireEqualTo(names);
  }

  private static JsonNode json(String... command) throws IOException {
    return new ObjectMapper().readTree(CommandRun.of(command).out());
  }

  private static void addJson(String prefix, JsonNode node, Set<String> keys) {
    if (node.isArray()) {
      node.forEach(element -> addJson(prefix + "[]", element, keys));
    }
    node.fields()
        .forEachRemaining(
            field -> {
              String key = key(prefix, field.getKey());
              keys.add(key);
              if (!OPEN.contains(field.getKey())) {
                addJson(key, field.getValue(), keys);
              }
            });
  }

  private static void addRecord(String prefix, Class<?> type, Set<String> keys) {
    for (RecordComponent component : type.getRecordComponents()) {
      String key = key(prefix, component.getName());
      keys.add(key);
      Type declared = component.getGenericType();
      if (declared instanceof Class<?> nested && nested.isRecord()) {
        addRecord(key, nested, keys);
      } else if (declared instanceof ParameterizedType list
          && list.getActualTypeArguments()[0] instanceof Class<?> element
          && element.isRecord()) {
        addRecord(key + "[]", element, keys);
      }
    }
  }

  private static String key(String prefix, String name) {
    return prefix.contains(": ") ? prefix + "." + name : prefix + ": " + name;
  }

  /**
   * As docs/monitoring.md and Prometheus name them; programs name some with dots, without units.
   */
  @Test
  void metrics() throws IOException {
    Set<String> meters = new TreeSet<>();
    for (String service : List.of("trainer", "checker", "metrics")) {
      Path sources =
          ROOT.resolve(
              "%s-service/src/main/java/io/fullrank/%s/prometheus".formatted(service, service));
      try (Stream<Path> files = Files.list(sources)) {
        for (Path file : files.toList()) {
          METER
              .matcher(Files.readString(file))
              .results()
              .map(found -> found.group(1).replace('.', '_'))
              .forEach(meters::add);
        }
      }
    }
    List<String> listed = Files.readAllLines(ROOT.resolve("docs/public/metrics.txt"));

    assertThat(listed.stream().filter(name -> meters.stream().noneMatch(meter -> is(name, meter))))
        .as("metrics of docs/public/metrics.txt that no service has any more, see docs/public.md")
        .isEmpty();
    assertThat(meters.stream().filter(meter -> listed.stream().noneMatch(name -> is(name, meter))))
        .as("metrics that docs/public/metrics.txt does not list; add them as Prometheus has them")
        .isEmpty();
    assertThat(listed).isSorted().doesNotHaveDuplicates();
  }

  private static boolean is(String name, String meter) {
    return name.equals(meter)
        || name.matches(Pattern.quote(meter) + "(_bytes|_records|_seconds)?(_total)?");
  }

  @Test
  void keysOfExperiments() throws IOException {
    PublicList.of("experiments.txt").requireEqualTo(documentedKeys());
  }

  /** Whatever is wrong with the value, the key is known. */
  @Test
  void keysOfExperimentsAreRead() throws IOException {
    Path experiment = ROOT.resolve("examples/semeion-fc.yaml");
    List<String> keys =
        documentedKeys().stream()
            .filter(line -> line.startsWith("Keys: "))
            .map(line -> line.substring("Keys: ".length()))
            .toList();
    assertThat(keys).isNotEmpty();

    assertThat(keys.stream().filter(key -> isUnknown(experiment, key)))
        .as("keys of docs/experiments.md that experiments do not have")
        .isEmpty();
    assertThat(isUnknown(experiment, "dataset.colour")).isTrue();
  }

  // Names in the first cells of the document's tables, which those of the code are compared with.
  private static List<String> documentedKeys() throws IOException {
    List<String> names = new ArrayList<>();
    String section = "";
    for (String line : Files.readAllLines(ROOT.resolve("docs/experiments.md"))) {
      if (line.startsWith("#")) {
        section = line.replaceFirst("#+ ", "");
      }
      if (line.startsWith("| `")) {
        String title = section;
        CODE.matcher(line.substring(0, line.indexOf(" |")))
            .results()
            .forEach(name -> names.add(title + ": " + name.group(1)));
      }
    }
    return names;
  }

  private static boolean isUnknown(Path experiment, String key) {
    try {
      ExperimentFile.read(experiment, List.of(key + "={unlikely: 1}"));
      return false;
    } catch (InvalidExperimentException refused) {
      return refused.field().equals(key) && refused.problem().startsWith("unknown key");
    }
  }
}
