package io.fullrank.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.fullrank.cli.installation.Endpoint;
import io.fullrank.cli.installation.Installation;
import io.fullrank.cli.installation.Ports;
import io.fullrank.cli.installation.Service;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class FullrankTest {

  private static final String EXPERIMENT =
      """
      name: small
      dataset: {name: strokes, train: 20, test: 20}
      network: {type: fully-connected, widths: [8, 32]}
      epochs: 1
      seeds: [1]
      """;

  @TempDir Path folder;
  private Path experiment;

  @BeforeEach
  void writeAnExperiment() throws IOException {
    experiment = Files.writeString(folder.resolve("small.yaml"), EXPERIMENT);
  }

  @Test
  void namesItsCommands() {
    CommandRun help = CommandRun.of("--help");

    assertThat(help.status()).isZero();
    assertThat(help.out())
        .contains(
            "demo",
            "up",
            "kafka",
            "run",
            "runs",
            "compare",
            "check",
            "import",
            "data",
            "completion",
            "Examples:");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "demo",
        "up",
        "kafka",
        "run",
        "runs",
        "compare",
        "check",
        "import",
        "data",
        "doctor",
        "images",
        "completion"
      })
  void explainsEachCommandWithExamples(String command) {
    CommandRun help = CommandRun.of(command, "--help");

    assertThat(help.status()).isZero();
    assertThat(help.out())
        .startsWith("Usage: fullrank " + command)
        .contains("Examples:\n  fullrank " + command);
    assertThat(help.err()).isEmpty();
  }

  @Test
  void tellsItsVersion() {
    assertThat(CommandRun.of("--version").out()).startsWith("fullrank ");
  }

  @Test
  void printsACompletionScript() {
    CommandRun completion = CommandRun.of("completion");

    assertThat(completion.status()).isZero();
    assertThat(completion.out())
        .startsWith("#!/usr/bin/env bash")
        .contains("_complete_fullrank", "--metrics-http-port", "zsh");
  }

  @Test
  void printsACompletionScriptThatBashReads() throws Exception {
    Path script =
        Files.writeString(folder.resolve("completion"), CommandRun.of("completion").out());

    Process bash =
        new ProcessBuilder(
                "bash", "-c", "source \"$1\" && complete -p fullrank", "bash", script.toString())
            .redirectErrorStream(true)
            .start();

    assertThat(new String(bash.getInputStream().readAllBytes(), StandardCharsets.UTF_8))
        .contains("_complete_fullrank");
    assertThat(bash.waitFor()).isZero();
  }

  @ParameterizedTest
  @CsvSource({
    "'', Missing command",
    "frobnicate, frobnicate",
    "demo --frobnicate, --frobnicate",
    "run, EXPERIMENT.yaml",
    "up --kafka-port many, many",
    "kafka, --data",
    "kafka --data x --advertised somewhere, HOST:PORT",
    "kafka --data x --advertised ::1:9092, HOST:PORT",
    "run x.yaml --trainer localhost:0, HOST:PORT",
    "compare --table html, html",
    "check, FILE",
    "check x.npy --method guess, guess",
    "check x.npy --primes 0, --primes",
  })
  void answersAWrongCommandLineInOneLine(String line, String expected) {
    CommandRun wrong = CommandRun.of(line.isEmpty() ? new String[0] : line.split(" "));

    assertThat(wrong.status()).isEqualTo(2);
    assertThat(wrong.out()).isEmpty();
    assertThat(wrong.err().lines()).hasSize(1);
    assertThat(wrong.err()).startsWith("fullrank: ").contains(expected).contains("--help");
  }

  @Test
  void namesAnExperimentFileThatIsNotThere() {
    assertRefused(CommandRun.of("run", "nowhere.yaml"), "nowhere.yaml");
  }

  @Test
  void namesAnUnknownKey() throws Exception {
    Files.writeString(experiment, EXPERIMENT + "epoch: 3\n");

    assertRefused(CommandRun.of("run", experiment.toString()), "small.yaml", "epoch");
  }

  @Test
  void namesAnOverrideThatDoesNotFit() {
    assertRefused(
        CommandRun.of("run", experiment.toString(), "--set", "epochs=none"), "epochs", "none");
  }

  @Test
  void namesAllDataThatIsMissingBeforeAnythingStarts() throws Exception {
    Path mnist =
        Files.writeString(
            folder.resolve("mnist.yaml"),
            EXPERIMENT.replace("small", "on-mnist").replace("strokes", "mnist"));
    Path svhn =
        Files.writeString(
            folder.resolve("svhn.yaml"),
            EXPERIMENT.replace("small", "on-svhn").replace("strokes", "svhn"));
    Path data = Files.createDirectory(folder.resolve("data"));
    Path results = folder.resolve("results");

    CommandRun refused =
        CommandRun.of(
            "run",
            mnist.toString(),
            experiment.toString(),
            svhn.toString(),
            "--data",
            data.toString(),
            "--results",
            results.toString());

    assertRefused(
        refused,
        data.resolve("mnist") + ": no such folder",
        data.resolve("svhn") + ": no such folder",
        "fullrank data download NAME --data " + data);
    assertThat(refused.out()).isEmpty();
    assertThat(results).doesNotExist();
  }

  @Test
  void refusesTwoExperimentsOfOneName() throws Exception {
    Path other = Files.writeString(folder.resolve("other.yaml"), EXPERIMENT);

    assertRefused(
        CommandRun.of("run", experiment.toString(), other.toString()),
        experiment.toString(),
        other.toString(),
        "'small'");
  }

  @Test
  void saysThatNothingWasKeptYet() {
    assertRefused(
        CommandRun.of("compare", "--results", folder.resolve("none").toString()),
        "no results of experiments",
        "--server");
  }

  @Test
  void namesADataFolderThatIsNotThere() {
    assertRefused(
        CommandRun.of("run", experiment.toString(), "--data", "nowhere"),
        "--data nowhere: no such directory");
  }

  @Test
  void namesAResultFileThatCannotBe() {
    assertRefused(
        CommandRun.of("run", experiment.toString(), "--json", "nowhere/out.json"),
        "--json nowhere/out.json: its folder does not exist");
    assertRefused(
        CommandRun.of("run", experiment.toString(), "--json", folder.toString()), "is a directory");
  }

  @Test
  void refusesOptionsOfAStackThatItDoesNotStart() {
    assertRefused(
        CommandRun.of(
            "run", experiment.toString(), "--server", "localhost", "--data", folder.toString()),
        "--data");
    assertRefused(
        CommandRun.of("run", experiment.toString(), "--server", "localhost", "--any-ports"),
        "--any-ports");
  }

  @ParameterizedTest
  @ValueSource(strings = {"localhost:9001", "::1", "http://localhost", "a/b", "a b", "", "a\u001b"})
  void refusesAServerThatIsNoHost(String server) {
    for (List<String> command :
        List.of(
            List.of("run", experiment.toString()),
            List.of("runs"),
            List.of("compare"),
            List.of("import", experiment.toString()),
            List.of("bench", "metrics"))) {
      List<String> arguments = new ArrayList<>(command);
      arguments.addAll(List.of("--server", server));
      assertRefused(
          CommandRun.of(arguments.toArray(String[]::new)),
          "--server",
          "is not HOST, such as localhost or [::1]; the ports have options of their own");
    }
  }

  @Test
  void refusesAPortThatIsNone() {
    for (String port : List.of("0", "65536", "many")) {
      assertRefused(
          CommandRun.of("import", experiment.toString(), "--trainer-port", port),
          "--trainer-port",
          "'%s' is not a port, a number from 1 to 65535".formatted(port));
    }
    assertRefused(CommandRun.of("bench", "metrics", "--metrics-http-port", "70000"), "70000");
  }

  @Test
  void refusesServicesThatAreNotNamedTogether() {
    assertRefused(
        CommandRun.of("run", experiment.toString(), "--trainer", "a:1"), "--metrics is missing");
    assertRefused(
        CommandRun.of("run", experiment.toString(), "--metrics", "a:1"), "--trainer is missing");
    assertRefused(
        CommandRun.of(
            "run", experiment.toString(), "--server", "a", "--trainer", "a:1", "--metrics", "a:2"),
        "--server");
    assertRefused(
        CommandRun.at(
            Path.of("..").toAbsolutePath().normalize(),
            "demo",
            "--trainer",
            "a:1",
            "--metrics",
            "a:2",
            "--keep"),
        "--keep");
  }

  @Test
  void namesWhatIsMissingOfImages() {
    CommandRun failed = CommandRun.at(folder, "images", "--tag", "1");

    assertThat(failed.status()).isEqualTo(1);
    assertThat(failed.err()).contains("quarkus-run.jar is missing").contains("mvn");
    assertRefused(CommandRun.at(folder, "images", "--tag", "a tag"), "--tag a tag");
    assertRefused(CommandRun.at(folder, "images", "--tag", "1", "--tool", "oven"), "oven");
    assertRefused(
        CommandRun.at(folder, "images", "--tag", "1", "--cuda-base", "c"), "without --cuda");
  }

  @Test
  void refusesABrokerThatNoClientCouldReach() {
    String data = folder.resolve("kafka").toString();

    assertRefused(
        CommandRun.of("kafka", "--data", data, "--host", "0.0.0.0"), "--advertised HOST:PORT");
    assertRefused(
        CommandRun.of("kafka", "--data", data, "--host", "nowhere.invalid"), "nowhere.invalid");
    assertRefused(CommandRun.of("kafka", "--data", data, "--port", "70000"), "--port 70000");
    assertThat(folder.resolve("kafka")).doesNotExist();
  }

  @Test
  void namesATakenPortBeforeAnythingStarts() throws Exception {
    Path home = builtInstallation();
    Path work = folder.resolve("work");
    try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"))) {
      String port = Integer.toString(taken.getLocalPort());

      CommandRun refused =
          CommandRun.at(
              home,
              "run",
              experiment.toString(),
              "--any-ports",
              "--metrics-port",
              port,
              "--work",
              work.toString(),
              "--results",
              folder.resolve("results").toString());

      assertThat(refused.status()).isEqualTo(2);
      assertThat(refused.err().lines()).hasSize(1);
      assertThat(refused.err())
          .contains("port " + port + " (metrics gRPC) is taken")
          .contains("--metrics-port");
      assertThat(work).doesNotExist();
    }
  }

  @Test
  void saysWhatIsMissingOfTheInstallation() {
    CommandRun failed = CommandRun.at(folder, "up", "--any-ports");

    assertThat(failed.status()).isEqualTo(1);
    assertThat(failed.err()).contains("quarkus-run.jar is missing").contains("mvn");
  }

  @Test
  void saysThatNoStackAnswers() {
    String free = Integer.toString(Ports.anyFreeExcept(Map.of()).of(Endpoint.KAFKA));

    CommandRun failed = CommandRun.of("runs", "--metrics-port", free);

    assertThat(failed.status()).isEqualTo(1);
    assertThat(failed.err().lines()).hasSize(1);
    assertThat(failed.err()).contains("metrics service at localhost:" + free);
  }

  private Path builtInstallation() throws IOException {
    for (Service service : Service.values()) {
      Path jar = Installation.sourceTree(folder).services().get(service);
      Files.createDirectories(jar.getParent());
      Files.createFile(jar);
    }
    Path agent = Installation.sourceTree(folder).parentWatch();
    Files.createDirectories(agent.getParent());
    Files.createFile(agent);
    return folder;
  }

  private static void assertRefused(CommandRun run, String... expected) {
    assertThat(run.status()).isEqualTo(2);
    assertThat(run.err().lines()).hasSize(1);
    assertThat(run.err()).startsWith("fullrank: ").contains(expected);
  }
}
