package io.fullrank.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.fullrank.testsupport.FreePort;
import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The commands of docs/security.md as they stand there, but for the ports, which may be taken. */
class SecurityTrialIT {

  private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();

  @TempDir Path folder;

  @Test
  void theTrialWithOpensslWorksAsItIsWritten() throws Exception {
    for (String tool : List.of("bash", "openssl", "curl")) {
      assumeThat(Stream.of(System.getenv("PATH").split(File.pathSeparator)))
          .as("%s is not installed", tool)
          .anyMatch(place -> Files.isExecutable(Path.of(place, tool)));
    }
    String guide = Files.readString(ROOT.resolve("docs/security.md"));
    String trial = guide.substring(guide.indexOf("## A trial with openssl"));
    String commands =
        Pattern.compile("```\n(.*?)```", Pattern.DOTALL)
            .matcher(trial)
            .results()
            .map(block -> block.group(1))
            .collect(Collectors.joining());
    int kafka = FreePort.any();
    int grpc = FreePort.any();
    int http = FreePort.any();
    Path script = folder.resolve("trial.sh");
    Files.writeString(
        script,
        "set -eu\ntrap 'kill $(jobs -p); wait' EXIT\n"
            + commands
                .replace("kafka --data kafka", "kafka --data kafka --port " + kafka)
                .replace("fullrank\" runs", "fullrank\" runs --metrics-port " + grpc)
                .replace("localhost:8083", "localhost:" + http));
    ProcessBuilder bash =
        new ProcessBuilder("bash", script.toString())
            .directory(sourceTree().toFile())
            .redirectErrorStream(true)
            .redirectOutput(folder.resolve("trial.log").toFile());
    bash.environment()
        .putAll(
            Map.of(
                "TMPDIR",
                folder.toString(),
                "FULLRANK_GRPC_PORT",
                Integer.toString(grpc),
                "FULLRANK_HTTP_PORT",
                Integer.toString(http),
                "FULLRANK_KAFKA_BOOTSTRAP_SERVERS",
                "localhost:" + kafka));
    bash.environment()
        .merge(
            "PATH",
            Path.of(System.getProperty("java.home"), "bin").toString(),
            (path, java) -> java + File.pathSeparator + path);

    Process running = bash.start();
    boolean ended = running.waitFor(3, TimeUnit.MINUTES);
    if (!ended) {
      // Lets it stop what it has started.
      running.destroy();
      running.waitFor(1, TimeUnit.MINUTES);
    }

    String log = Files.readString(folder.resolve("trial.log"));
    assertThat(ended).as(log).isTrue();
    assertThat(log)
        .contains("gRPC on 127.0.0.1:%d and HTTPS on port %d".formatted(grpc, http))
        .contains("\nNo runs.\n")
        .contains("\nfullrank_runs{")
        .contains("{\"code\":\"UNAUTHENTICATED\",\"message\":\"no bearer token came with the call");
    assertThat(running.exitValue()).as(log).isZero();
  }

  /** A source tree that has just been built: the launcher itself may want to build again. */
  private Path sourceTree() throws Exception {
    Path tree = Files.createDirectories(folder.resolve("source tree"));
    Path launcher = tree.resolve("fullrank");
    Files.writeString(
        launcher,
        "#!/bin/sh\nexec java -Xmx512m -XX:+UseSerialGC -cp '%s' %s \"$@\"\n"
            .formatted(System.getProperty("java.class.path"), Fullrank.class.getName()));
    Files.setPosixFilePermissions(launcher, PosixFilePermissions.fromString("rwxr-xr-x"));
    Files.createSymbolicLink(tree.resolve("metrics-service"), ROOT.resolve("metrics-service"));
    return tree;
  }
}
