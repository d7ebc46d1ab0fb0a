package io.fullrank.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** Prometheus' programs, as Debian's package prometheus brings them. */
final class PrometheusTools {

  private PrometheusTools() {}

  /** Returns the path of a program; a test that finds none is skipped, with the reason. */
  static String require(String program) {
    Optional<Path> found =
        Arrays.stream(System.getenv("PATH").split(File.pathSeparator))
            .map(folder -> Path.of(folder, program))
            .filter(Files::isExecutable)
            .findFirst();
    assumeTrue(
        found.isPresent(),
        "SKIPPED: there is no %s in the PATH (Debian's package prometheus)".formatted(program));
    return found.get().toString();
  }

  /** Runs promtool, which must have nothing to complain about. */
  static void promtool(String input, String... arguments) throws IOException, InterruptedException {
    List<String> command =
        Stream.concat(Stream.of(require("promtool")), Stream.of(arguments)).toList();
    Process promtool = new ProcessBuilder(command).redirectErrorStream(true).start();
    try (OutputStream stdin = promtool.getOutputStream()) {
      stdin.write(input.getBytes(StandardCharsets.UTF_8));
    }
    String output = new String(promtool.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(promtool.waitFor()).as("%s%n%s", command, output).isZero();
  }
}
