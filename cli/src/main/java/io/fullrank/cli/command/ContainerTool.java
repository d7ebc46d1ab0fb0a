package io.fullrank.cli.command;

import io.fullrank.cli.failure.ExecutionFailedException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/** A program that builds images from Containerfiles. */
enum ContainerTool {
  /** Docker, which needs its daemon. */
  DOCKER(List.of("build"), List.of()),
  /** Podman, told to use docker's format, as OCI's has no health checks. */
  PODMAN(List.of("build", "--format", "docker"), List.of("--timestamp", "0")),
  /** Buildah, which builds as podman does, but cannot run images. */
  BUILDAH(List.of("build", "--format", "docker", "--layers"), List.of("--timestamp", "0"));

  private static final long PROBE_LIMIT_SECONDS = 30;

  private final List<String> build;
  // Layers of the same files are then the same, whenever they were built; docker takes the time
  // from a variable.
  private final List<String> fixedTime;

  ContainerTool(List<String> build, List<String> fixedTime) {
    this.build = build;
    this.fixedTime = fixedTime;
  }

  /**
   * Returns the first of docker, podman and buildah that works here.
   *
   * @throws ExecutionFailedException if none does
   */
  static ContainerTool find() throws InterruptedException {
    for (ContainerTool tool : values()) {
      if (tool.works()) {
        return tool;
      }
    }
    throw new ExecutionFailedException(
        "none of docker, podman and buildah works here; install one, or start docker's daemon");
  }

  /**
   * Checks that this one works.
   *
   * @throws ExecutionFailedException if it does not
   */
  void requireWorking() throws InterruptedException {
    if (!works()) {
      throw new ExecutionFailedException(
          "--tool %s: '%s version' fails here; is it installed, and its daemon, if it has one,"
                  .formatted(command(), command())
              + " running?");
    }
  }

  /** Returns its name on the command line. */
  String command() {
    return name().toLowerCase(Locale.ROOT);
  }

  /**
   * Builds an image.
   *
   * @param arguments further arguments of the build, such as {@code --build-arg}
   * @param log what the program says is appended to it
   * @throws ExecutionFailedException with the last line of what it said, if it fails
   */
  void build(String image, Path containerfile, Path context, List<String> arguments, Path log)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of(command()));
    command.addAll(build);
    command.addAll(fixedTime);
    command.addAll(List.of("--file", containerfile.toString(), "--tag", image));
    command.addAll(arguments);
    command.add(context.toString());
    ProcessBuilder builder =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()));
    builder.environment().put("SOURCE_DATE_EPOCH", "0");
    builder.environment().put("DOCKER_BUILDKIT", "1");
    int status = builder.start().waitFor();
    if (status != 0) {
      throw new ExecutionFailedException(
          "%s could not build %s (status %d%s); its log is %s"
              .formatted(
                  command(),
                  image,
                  status,
                  lastLine(log).map(line -> ": " + line).orElse(""),
                  log));
    }
  }

  /** Returns the size of an image in this program's own words, such as {@code 512 MB}. */
  String size(String image) throws IOException, InterruptedException {
    return output(List.of(command(), "images", "--format", "{{.Size}}", image))
        .orElseThrow(
            () -> new ExecutionFailedException("%s does not know %s".formatted(command(), image)));
  }

  private boolean works() throws InterruptedException {
    try {
      return output(List.of(command(), "version")).isPresent();
    } catch (IOException absent) {
      return false;
    }
  }

  /** Returns the first line that a program prints, if it prints one and succeeds. */
  static Optional<String> output(List<String> command) throws IOException, InterruptedException {
    Process process =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD).start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    if (!process.waitFor(PROBE_LIMIT_SECONDS, TimeUnit.SECONDS)) {
      process.destroyForcibly().waitFor();
    }
    return process.exitValue() == 0 ? said.lines().findFirst() : Optional.empty();
  }

  private static Optional<String> lastLine(Path log) throws IOException {
    return Files.readAllLines(log).stream()
        .filter(line -> !line.isBlank())
        .reduce((first, second) -> second)
        .map(String::strip);
  }
}
