package io.fullrank.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaMethod;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import java.io.IOException;
import java.io.Reader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** docs/configuration.md tells of every key that the services read, and of no other. */
class ConfigurationTableTest {

  private static final Path ROOT = Path.of(System.getProperty("basedir")).resolveSibling("docs");
  private static final List<String> SERVICES =
      List.of("trainer-service", "checker-service", "metrics-service");
  private static final String NONE = "none";
  private static final String MAPPING = "io.smallrye.config.ConfigMapping";
  private static final String DEFAULT = "io.smallrye.config.WithDefault";

  // | `key` | meaning | default |
  private static final Pattern ROW =
      Pattern.compile("^\\| `(fullrank\\.[^`]*)` \\| (.+) \\| ([^|]+) \\|$");

  @Test
  void tellsOfEveryKeyAndItsDefault() throws IOException {
    assertThat(documented(Files.readString(ROOT.resolve("configuration.md"))))
        .containsExactlyInAnyOrderEntriesOf(read());
  }

  @Test
  void noticesAKeyThatIsMissingAndOneThatIsNotRead() throws IOException {
    String page = Files.readString(ROOT.resolve("configuration.md"));
    Map<String, String> read = read();

    assertThat(documented(page.replace("| `fullrank.checker.threads` |", "| threads |")))
        .isNotEqualTo(read);
    assertThat(
            documented(String.join("\n", page, "| `fullrank.checker.fingers` | how many | 10 |")))
        .isNotEqualTo(read);
    assertThat(
            documented(page.replaceFirst("(`fullrank.checker.threads` .*\\|) `2` \\|", "$1 `3` |")))
        .isNotEqualTo(read);
  }

  private static Map<String, String> documented(String page) {
    Map<String, String> keys = new TreeMap<>();
    for (String line : page.lines().toList()) {
      Matcher row = ROW.matcher(line);
      if (row.matches()) {
        String value = row.group(3).replace("`", "").strip();
        // What comes after is for people.
        assertThat(keys.put(row.group(1), value.replaceFirst("[:;] .*", "")))
            .as("%s has two rows", row.group(1))
            .isNull();
      }
    }
    return keys;
  }

  private static Map<String, String> read() throws IOException {
    Map<String, String> keys = new TreeMap<>();
    addMappings("service", keys);
    for (String service : SERVICES) {
      addMappings(service, keys);
    }
    keys.putAll(sharedDefaults());
    return keys;
  }

  // Each service's own, such as its ports, are in its properties.
  private static Map<String, String> sharedDefaults() throws IOException {
    Map<String, TreeMap<String, String>> byKey = new TreeMap<>();
    for (String service : SERVICES) {
      properties(service, Path.of("application.properties"))
          .forEach(
              (name, value) ->
                  byKey
                      .computeIfAbsent(name, any -> new TreeMap<>())
                      .put(service.replace("-service", ""), value));
    }
    // Those that all services have in common; a service's own win.
    Map<String, String> defaults =
        properties("service", Path.of("META-INF", "microprofile-config.properties"));
    byKey.forEach(
        (key, values) ->
            defaults.put(
                key,
                values.values().stream().distinct().count() == 1
                    ? values.firstEntry().getValue()
                    : "%s (trainer), %s (checker), %s (metrics)"
                        .formatted(
                            values.get("trainer"), values.get("checker"), values.get("metrics"))));
    return defaults;
  }

  private static Map<String, String> properties(String room, Path resource) throws IOException {
    Path resources = ROOT.resolveSibling(room).resolve(Path.of("src", "main", "resources"));
    Properties properties = new Properties();
    try (Reader reader = Files.newBufferedReader(resources.resolve(resource))) {
      properties.load(reader);
    }
    Map<String, String> own = new TreeMap<>();
    for (String name : properties.stringPropertyNames()) {
      if (name.startsWith("fullrank.")) {
        own.put(name, properties.getProperty(name));
      }
    }
    return own;
  }

  private static void addMappings(String room, Map<String, String> keys) throws IOException {
    Path folder = ROOT.resolveSibling(room).resolve(Path.of("target", "classes"));
    assertThat(folder).isDirectory();
    JavaClasses classes = new ClassFileImporter().importPaths(withMappings(folder));
    for (JavaClass mapping : classes) {
      if (mapping.isAnnotatedWith(MAPPING)) {
        String prefix = (String) mapping.getAnnotationOfType(MAPPING).get("prefix").orElseThrow();
        add(prefix, mapping, classes, keys);
      }
    }
  }

  // All classes of a room would take long to import.
  private static List<Path> withMappings(Path folder) throws IOException {
    List<Path> all;
    try (Stream<Path> files = Files.walk(folder)) {
      all = files.filter(file -> file.toString().endsWith(".class")).toList();
    }
    Set<Path> outer = new HashSet<>();
    for (Path file : all) {
      if (Files.readString(file, StandardCharsets.ISO_8859_1)
          .contains("Lio/smallrye/config/Conf")) {
        outer.add(outer(file));
      }
    }
    return all.stream().filter(file -> outer.contains(outer(file))).toList();
  }

  private static Path outer(Path classFile) {
    return classFile.resolveSibling(
        classFile.getFileName().toString().replaceFirst("(\\$.*)?\\.class$", ""));
  }

  private static void add(
      String prefix, JavaClass group, JavaClasses classes, Map<String, String> keys) {
    for (JavaMethod method : group.getMethods()) {
      if (!method.getModifiers().contains(JavaModifier.ABSTRACT)) {
        continue;
      }
      String key = prefix + "." + kebab(method.getName());
      JavaClass type = method.getRawReturnType();
      if (type.getName().startsWith(group.getName() + "$")) {
        add(key, classes.get(type.getName()), classes, keys);
      } else {
        keys.put(
            key,
            method.isAnnotatedWith(DEFAULT)
                ? (String) method.getAnnotationOfType(DEFAULT).get("value").orElseThrow()
                : NONE);
      }
    }
  }

  private static String kebab(String camel) {
    return camel.replaceAll("([A-Z])", "-$1").toLowerCase(Locale.ROOT);
  }
}
