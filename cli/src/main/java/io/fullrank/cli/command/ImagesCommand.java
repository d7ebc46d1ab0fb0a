package io.fullrank.cli.command;

import io.fullrank.cli.failure.BadInputException;
import io.fullrank.cli.failure.ExecutionFailedException;
import io.fullrank.cli.failure.ExitCode;
import io.fullrank.cli.terminal.Environment;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code fullrank images}. */
@Command(
    name = "images",
    description = {
      "Builds container images of the trainer, the checker, the metrics service and this command"
          + " from the built source tree: localhost/fullrank/trainer and so on.",
      "The same build on the same base gives the same layers, byte by byte, with podman and"
          + " buildah."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  fullrank images",
      "  fullrank images --tool podman --base registry.example.org/jre:17.0.15 --tag 1.4.0",
      "  fullrank images --cuda --cuda-base registry.example.org/cuda:13.1.0-runtime",
      "",
      "Exit status: 0 if all were built, 1 if something failed, 2 for unusable input."
    })
public final class ImagesCommand implements Callable<Integer> {

  private static final List<String> IMAGES = List.of("trainer", "checker", "metrics", "cli");
  private static final String TAG = "[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}";

  private final Environment environment;

  @Option(
      names = "--base",
      paramLabel = "IMAGE",
      description =
          "Image with Java 17 or newer and glibc to build on (default: BASE_IMAGE of the"
              + " Containerfiles).")
  private String base;

  @Option(
      names = "--tag",
      paramLabel = "TAG",
      description = "Tag of the images (default: the version of this build).")
  private String tag;

  @Option(
      names = "--cuda",
      description =
          "Build the checker for NVIDIA GPUs too, checker-cuda: on CUDA's runtime image, with the"
              + " Java of --base.")
  private boolean cuda;

  @Option(
      names = "--cuda-base",
      paramLabel = "IMAGE",
      description =
          "Image with CUDA's runtime libraries for --cuda (default: CUDA_IMAGE of"
              + " checker-service/Containerfile.cuda-jre).")
  private String cudaBase;

  @Option(
      names = "--tool",
      paramLabel = "TOOL",
      description =
          "docker, podman or buildah (default: the first of them that works); images go where"
              + " that tool keeps them.")
  private ContainerTool tool;

  public ImagesCommand(Environment environment) {
    this.environment = environment;
  }

  @Override
  public Integer call() throws IOException, InterruptedException {
    Path home = environment.home();
    String version = tag == null ? versionOfBuild() : tag;
    if (!version.matches(TAG)) {
      throw new BadInputException(
          "--tag %s: a tag has up to 128 letters, digits, dots, dashes and underscores"
              .formatted(version));
    }
    if (cudaBase != null && !cuda) {
      throw new BadInputException(
          "--cuda-base %s: nothing is built on it without --cuda".formatted(cudaBase));
    }
    requireBuilt(home);
    ContainerTool builder = tool;
    if (builder == null) {
      builder = ContainerTool.find();
    } else {
      builder.requireWorking();
    }
    Path log = Files.createDirectories(home.resolve("target")).resolve("fullrank-images.log");
    Files.deleteIfExists(log);
    List<String> labels = labels(home, version);
    for (String name : IMAGES) {
      build(
          builder,
          name + ":" + version,
          containerfile(home, name),
          argument("BASE_IMAGE", base),
          labels,
          log);
    }
    if (cuda) {
      List<String> parts = new ArrayList<>(argument("JRE_IMAGE", base));
      parts.addAll(argument("CUDA_IMAGE", cudaBase));
      String onCuda =
          build(
              builder,
              "cuda-jre:" + version,
              home.resolve("checker-service").resolve("Containerfile.cuda-jre"),
              parts,
              labels,
              log);
      build(
          builder,
          "checker-cuda:" + version,
          containerfile(home, "checker"),
          argument("BASE_IMAGE", onCuda),
          labels,
          log);
    }
    return ExitCode.OK;
  }

  private String build(
      ContainerTool builder,
      String name,
      Path containerfile,
      List<String> base,
      List<String> labels,
      Path log)
      throws IOException, InterruptedException {
    String image = "localhost/fullrank/" + name;
    List<String> arguments = new ArrayList<>(base);
    arguments.addAll(labels);
    builder.build(image, containerfile, environment.home(), arguments, log);
    environment.out().println(image + "   " + builder.size(image));
    return image;
  }

  // Without an image, the build uses the one that the Containerfile names.
  private static List<String> argument(String name, String image) {
    return image == null ? List.of() : List.of("--build-arg", name + "=" + image);
  }

  // The build makes the Containerfiles of the services, all from one template.
  private static Path containerfile(Path home, String name) {
    return home.resolve(name.equals("cli") ? "cli" : name + "-service/target")
        .resolve("Containerfile");
  }

  private static String versionOfBuild() {
    return Optional.ofNullable(ImagesCommand.class.getPackage().getImplementationVersion())
        .orElseThrow(
            () -> new BadInputException("--tag is missing: this build does not know its version"));
  }

  // Images are for Linux, whatever they are built on.
  private void requireBuilt(Path home) throws IOException {
    environment.installation().requireComplete();
    for (String name :
        List.of("trainer-service", "checker-service", "metrics-service", "kafka-broker", "cli")) {
      Path bill = home.resolve(name).resolve("target").resolve("bom.json");
      if (!Files.isRegularFile(bill)) {
        throw new ExecutionFailedException(
            "%s is missing; build Fullrank with 'mvn -Dmaven.test.skip package'".formatted(bill));
      }
    }
    Path libraries = home.resolve("checker-service/target/quarkus-app/lib/main");
    try (Stream<Path> files = Files.list(libraries)) {
      if (files.noneMatch(
          file -> file.getFileName().toString().matches(".*\\.openblas-.*-linux-[^-]+\\.jar"))) {
        throw new ExecutionFailedException(
            ("%s has no native libraries for Linux; build Fullrank on Linux, or with"
                    + " 'mvn -Dnative.platform=linux-x86_64 -Dmaven.test.skip package'")
                .formatted(libraries));
      }
    }
  }

  private static List<String> labels(Path home, String version)
      throws IOException, InterruptedException {
    List<String> labels =
        new ArrayList<>(List.of("--label", "org.opencontainers.image.version=" + version));
    gitSays(home, "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*")
        .ifPresent(
            revision ->
                labels.addAll(List.of("--label", "org.opencontainers.image.revision=" + revision)));
    gitSays(home, "config", "--get", "remote.origin.url")
        .filter(url -> url.startsWith("https://") && url.indexOf('@') < 0)
        .ifPresent(
            url -> labels.addAll(List.of("--label", "org.opencontainers.image.source=" + url)));
    return labels;
  }

  // A copy of the sources without their history has neither revision nor source.
  private static Optional<String> gitSays(Path home, String... arguments)
      throws IOException, InterruptedException {
    if (!Files.exists(home.resolve(".git"))) {
      return Optional.empty();
    }
    List<String> command = new ArrayList<>(List.of("git", "-C", home.toString()));
    command.addAll(List.of(arguments));
    return ContainerTool.output(command);
  }
}
