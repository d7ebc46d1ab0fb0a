package io.fullrank.cli.doctor;

import io.fullrank.cli.client.MetricsOptions;
import io.fullrank.cli.failure.ExitCode;
import io.fullrank.cli.installation.Ports;
import io.fullrank.cli.terminal.Environment;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code fullrank doctor}. */
@Command(
    name = "doctor",
    description = {
      "Says what is here and what is missing, a line for each thing with what to do: Java, processor,"
          + " memory, native libraries and what they compute, CUDA, ports, data, clock.",
      "Asks a server, too, if an option names one."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  fullrank doctor",
      "  fullrank doctor --json",
      "  fullrank doctor --server fullrank.example.org --ca ca.pem",
      "",
      "Exit status: 0 if nothing essential is missing, 1 if something is, 2 for unusable options."
    })
public final class DoctorCommand implements Callable<Integer> {

  private final Environment environment;

  @Option(
      names = "--data",
      paramLabel = "DIR",
      description = "Folder that holds one folder per data set (default: data).")
  private Path data = Path.of("data");

  @Option(names = "--json", description = "Print the findings as JSON.")
  private boolean json;

  @Mixin private MetricsOptions server;

  public DoctorCommand(Environment environment) {
    this.environment = environment;
  }

  @Override
  public Integer call() throws InterruptedException, IOException, URISyntaxException {
    Diagnosis diagnosis = diagnosis();
    if (json) {
      environment.out().println(diagnosis.toJson());
    } else {
      diagnosis.lines().forEach(environment.out()::println);
    }
    return diagnosis.isWell() ? ExitCode.OK : ExitCode.FAILED;
  }

  private Diagnosis diagnosis() throws InterruptedException, IOException, URISyntaxException {
    Machine machine = Machine.own();
    List<Finding> findings = new ArrayList<>();
    findings.add(Software.java());
    findings.add(machine.processor());
    findings.add(Machine.memory());
    findings.add(Machine.openFiles());
    findings.add(machine.temporaryFolder(Path.of(System.getProperty("java.io.tmpdir"))));
    findings.addAll(Software.nativeLibraries());
    findings.add(Software.cuda());
    findings.add(Software.services(environment.installation()));
    findings.add(Software.ports(Ports.defaultsExcept(Map.of())));
    findings.add(Software.data(data));
    findings.add(Machine.clock(Instant.now(), made()));
    if (server.nameAStack()) {
      findings.add(Software.server(server));
    }
    return new Diagnosis(findings);
  }

  /** Returns when this class's jar, or folder, was made. */
  private static Instant made() throws IOException, URISyntaxException {
    return Files.getLastModifiedTime(
            Path.of(
                DoctorCommand.class.getProtectionDomain().getCodeSource().getLocation().toURI()))
        .toInstant();
  }
}
