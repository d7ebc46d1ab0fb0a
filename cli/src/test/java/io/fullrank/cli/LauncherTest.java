package io.fullrank.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The launcher at the root, in a source tree of its own with a Java and a Maven that only talk. */
class LauncherTest {

  // Everything that the launcher may rely on besides Java and Maven.
  private static final List<String> TOOLS =
      List.of(
          "cat",
          "cut",
          "dirname",
          "find",
          "head",
          "ln",
          "mkdir",
          "mv",
          "readlink",
          "rm",
          "rmdir",
          "sed",
          "sleep",
          "stty",
          "tail",
          "touch");

  private static final String JAVA =
      """
      #!/bin/sh
      if [ "$1" = -version ]; then
        echo "Picked up JAVA_TOOL_OPTIONS: -Dsomething=else" >&2
        echo 'openjdk version "%s" 2026-01-01' >&2
      else
        printf '<%%s>\\n' "$@"
      fi
      """;

  private static final String MAVEN =
      """
      #!/bin/sh
      if [ "$1" = --version ]; then
        printf '\\033[1mApache Maven %s\\033[m\\nMaven home: /usr/share/maven\\n'
        exit
      fi
      echo "$*" >>builds
      [ ! -f hold ] || until [ -f go ]; do sleep 0.05; done
      [ ! -f broken ] || { echo 'ERROR: it does not compile'; exit 1; }
      for service in trainer checker metrics; do
        mkdir -p "$service-service/target/quarkus-app"
        touch "$service-service/target/quarkus-app/quarkus-run.jar"
      done
      mkdir -p kafka-broker/target cli/target
      touch kafka-broker/target/kafka-broker.jar cli/target/fullrank.jar
      """;

  @TempDir Path folder;
  private Path root;
  private Path launcher;
  private Path bin;

  private record Outcome(int status, String out, String err) {}

  @BeforeEach
  void makeASourceTree() throws IOException {
    root = Files.createDirectories(folder.resolve("a folder with spaces"));
    launcher = root.resolve("fullrank");
    Files.copy(Path.of(System.getProperty("basedir")).resolveSibling("fullrank"), launcher);
    Files.setPosixFilePermissions(launcher, PosixFilePermissions.fromString("rwxr-xr-x"));
    Path sources = Files.createDirectories(root.resolve("cli/src/main/java"));
    source(root.resolve("pom.xml"));
    source(root.resolve("cli/pom.xml"));
    source(sources.resolve("Fullrank.java"));
    past(sources);
    past(root.resolve("cli/src/main"));
    bin = Files.createDirectories(folder.resolve("bin"));
    for (String tool : TOOLS) {
      for (String place : List.of("/bin", "/usr/bin")) {
        if (Files.exists(Path.of(place, tool))) {
          script(bin.resolve(tool), "#!/bin/sh\nexec %s/%s \"$@\"\n".formatted(place, tool));
        }
      }
    }
    java("17.0.15");
    script(bin.resolve("javac"), "#!/bin/sh\n");
    maven("3.8.7");
  }

  @Test
  void startsTheCommandLineWithItsArguments() throws Exception {
    Outcome run = launch("run", "my file.yaml", "", "--set", "a=$b");

    assertThat(run.status()).isZero();
    assertThat(run.out())
        .contains("<-Dfullrank.home=%s>".formatted(root))
        .contains("<%s>".formatted(root.resolve("cli/target/fullrank.jar")))
        .endsWith("<io.fullrank.cli.Fullrank>\n<run>\n<my file.yaml>\n<>\n<--set>\n<a=$b>\n");
    assertThat(run.out()).doesNotContain("fullrank.terminal");
  }

  @Test
  void tellsTheHeightOfTheTerminal() throws Exception {
    Path script = Path.of("/usr/bin/script");
    assumeThat(script).as("util-linux, which has a terminal to lend").isExecutable();
    assumeThat(execute(Map.of(), folder, script.toString(), "--version").out())
        .contains("util-linux");

    Outcome run =
        execute(
            Map.of("TERM", "xterm"),
            folder,
            script.toString(),
            "-qec",
            "stty rows 33; '%s' runs".formatted(launcher),
            "/dev/null");

    assertThat(run.out()).contains("<-Dfullrank.terminal.rows=33>");
  }

  @Test
  void startsThroughSymbolicLinksFromAnotherFolder() throws Exception {
    Path near = Files.createSymbolicLink(root.resolve("near"), Path.of("fullrank"));
    Path far =
        Files.createSymbolicLink(
            Files.createDirectories(folder.resolve("far")).resolve("fr"), near);

    Outcome run = execute(Map.of(), folder, far.toString());

    assertThat(run.out()).contains("<-Dfullrank.home=%s>".formatted(root));
  }

  @ParameterizedTest
  @CsvSource({
    "17.0.15, false, false",
    "22.0.1, true, false",
    "25, true, true",
    "26-ea, true, true"
  })
  void tellsNewerJavasOnlyWhatTheyKnow(String version, boolean nativeAccess, boolean unsafe)
      throws Exception {
    java(version);

    Outcome run = launch();

    assertThat(run.status()).isZero();
    assertThat(run.out().contains("--enable-native-access=ALL-UNNAMED")).isEqualTo(nativeAccess);
    assertThat(run.out().contains("--sun-misc-unsafe-memory-access=allow")).isEqualTo(unsafe);
  }

  @ParameterizedTest
  @ValueSource(strings = {"1.8.0_392", "11.0.21", "16"})
  void refusesAnOlderJava(String version) throws Exception {
    java(version);

    Outcome run = launch("demo");

    assertRefused(run, 2, "Java " + version, "17");
    assertThat(root.resolve("builds")).doesNotExist();
  }

  @Test
  void saysThatThereIsNoJava() throws Exception {
    Files.delete(bin.resolve("java"));

    assertRefused(launch("demo"), 2, "no Java was found", "JAVA_HOME");
  }

  @Test
  void saysThatJavaHomeHoldsNoJava() throws Exception {
    Path empty = folder.resolve("no jdk");

    Outcome run = execute(Map.of("JAVA_HOME", empty.toString()), folder, launcher.toString());

    assertRefused(run, 2, "JAVA_HOME is '%s'".formatted(empty));
  }

  @Test
  void prefersTheJavaOfJavaHome() throws Exception {
    Path home = folder.resolve("a jdk");
    Files.createDirectories(home.resolve("bin"));
    script(home.resolve("bin/java"), JAVA.formatted("25.0.1"));
    java("11");

    Outcome run = execute(Map.of("JAVA_HOME", home.toString()), folder, launcher.toString());

    assertThat(run.status()).isZero();
  }

  @Test
  void buildsOnceAndAgainWhenASourceChanges() throws Exception {
    assertThat(launch().err()).isEqualTo("building Fullrank (once)…\n");
    assertThat(launch().err()).isEmpty();

    Files.writeString(root.resolve("cli/src/main/java/Fullrank.java"), "changed");
    assertThat(launch().err()).isEqualTo("building Fullrank (once)…\n");
    assertThat(launch().err()).isEmpty();

    Files.delete(root.resolve("cli/target/fullrank.jar"));
    assertThat(launch().err()).isEqualTo("building Fullrank (once)…\n");
    assertThat(builds()).hasSize(3).allMatch(line -> line.endsWith("package"));
  }

  @Test
  void takesABuildThatMavenMade() throws Exception {
    launch();
    Files.delete(root.resolve("target/fullrank.built"));

    assertThat(launch().err()).isEmpty();
  }

  @Test
  void showsTheEndOfABuildThatFailed() throws Exception {
    Files.createFile(root.resolve("broken"));

    Outcome failed = launch();

    assertThat(failed.status()).isEqualTo(1);
    assertThat(failed.out()).isEmpty();
    assertThat(failed.err())
        .contains("ERROR: it does not compile")
        .contains(
            "the build failed; the whole log is " + root.resolve("target/fullrank-build.log"));

    Files.delete(root.resolve("broken"));
    assertThat(launch().status()).isZero();
  }

  @Test
  void saysThatThereIsNoMaven() throws Exception {
    Files.delete(bin.resolve("mvn"));

    assertRefused(launch(), 2, "no Maven was found", "3.8.6");
  }

  @ParameterizedTest
  @ValueSource(strings = {"3.6.3", "3.8.5", "2.2.1"})
  void refusesAnOlderMaven(String version) throws Exception {
    maven(version);

    assertRefused(launch(), 2, "Maven " + version + " is too old", "3.8.6");
  }

  @ParameterizedTest
  @ValueSource(strings = {"3.8.6", "3.9.11", "4.0.0-rc-3"})
  void acceptsANewerMaven(String version) throws Exception {
    maven(version);

    assertThat(launch().status()).isZero();
  }

  @Test
  void saysThatThereIsNoCompiler() throws Exception {
    Files.delete(bin.resolve("javac"));

    assertRefused(launch(), 2, "without a compiler");
  }

  @Test
  void buildsOnceForTwoThatStartTogether() throws Exception {
    Files.createFile(root.resolve("hold"));
    Process first = start(Map.of(), folder, launcher.toString());
    assertThat(first.errorReader().readLine()).startsWith("building");
    Process second = start(Map.of(), folder, launcher.toString());
    try (BufferedReader says = second.errorReader()) {
      assertThat(says.readLine()).startsWith("waiting for another build");
    }

    Files.createFile(root.resolve("go"));

    assertThat(first.waitFor()).isZero();
    assertThat(second.waitFor()).isZero();
    assertThat(builds()).hasSize(1);
    assertThat(Files.isSymbolicLink(root.resolve("target/fullrank.lock"))).isFalse();
  }

  @Test
  void breaksTheLockOfABuildThatDied() throws Exception {
    Process dead = start(Map.of(), folder, "true");
    dead.waitFor();
    Files.createDirectories(root.resolve("target"));
    Files.createSymbolicLink(root.resolve("target/fullrank.lock"), Path.of("pid-" + dead.pid()));

    assertThat(launch().status()).isZero();
    assertThat(builds()).hasSize(1);
  }

  private Outcome launch(String... arguments) throws Exception {
    List<String> command = new ArrayList<>(List.of(launcher.toString()));
    command.addAll(List.of(arguments));
    return execute(Map.of(), folder, command.toArray(String[]::new));
  }

  private Outcome execute(Map<String, String> variables, Path directory, String... command)
      throws Exception {
    Process process = start(variables, directory, command);
    String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    String err = new String(process.getErrorStream().readAllBytes(), StandardCharsets.UTF_8);
    return new Outcome(process.waitFor(), out, err);
  }

  private Process start(Map<String, String> variables, Path directory, String... command)
      throws IOException {
    ProcessBuilder builder = new ProcessBuilder(command).directory(directory.toFile());
    Map<String, String> environment = new HashMap<>(variables);
    environment.put("PATH", bin.toString());
    builder.environment().clear();
    builder.environment().putAll(environment);
    return builder.start();
  }

  private List<String> builds() throws IOException {
    try (Stream<String> lines = Files.lines(root.resolve("builds"))) {
      return lines.toList();
    }
  }

  private void java(String version) throws IOException {
    script(bin.resolve("java"), JAVA.formatted(version));
  }

  private void maven(String version) throws IOException {
    script(bin.resolve("mvn"), MAVEN.formatted(version));
  }

  private static void script(Path file, String text) throws IOException {
    Files.writeString(file, text);
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  // Older than any build, whatever the resolution of the file system's clock.
  private static void source(Path file) throws IOException {
    Files.writeString(file, "source");
    past(file);
  }

  private static void past(Path file) throws IOException {
    Files.setLastModifiedTime(file, FileTime.from(Instant.parse("2026-01-01T00:00:00Z")));
  }

  private static void assertRefused(Outcome run, int status, String... expected) {
    assertThat(run.status()).isEqualTo(status);
    assertThat(run.out()).isEmpty();
    assertThat(run.err().lines()).hasSize(1);
    assertThat(run.err()).startsWith("fullrank: ").contains(expected);
  }
}
