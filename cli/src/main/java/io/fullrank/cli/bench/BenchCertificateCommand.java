package io.fullrank.cli.bench;

import io.fullrank.certificate.Backend;
import io.fullrank.certificate.BackendChoice;
import io.fullrank.certificate.backend.BackendUnavailableException;
import io.fullrank.certificate.result.InsufficientMemoryException;
import io.fullrank.cli.failure.BadInputException;
import io.fullrank.cli.failure.ExecutionFailedException;
import io.fullrank.cli.failure.ExitCode;
import io.fullrank.cli.report.Json;
import io.fullrank.cli.terminal.Environment;
import io.fullrank.cli.terminal.TextTable;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code fullrank bench certificate}. */
@Command(
    name = "certificate",
    description = {
      "Measures the certificates of full row rank, their parts, and LAPACK for comparison, all in one run.",
      "The matrix is a layer of softplus features of Gaussian numbers, with the bias's column of ones."
    },
    footerHeading = "%nExamples:%n",
    footer = {"  fullrank bench certificate --rows 2000 --columns 2049 --threads 2"})
public final class BenchCertificateCommand implements Callable<Integer> {

  private final Environment environment;

  @Spec private CommandSpec spec;

  @Option(
      names = "--rows",
      paramLabel = "N",
      defaultValue = "4000",
      description = "Training examples (default: ${DEFAULT-VALUE}).")
  private int rows;

  @Option(
      names = "--columns",
      paramLabel = "C",
      defaultValue = "4097",
      description = "Features, the column of ones included (default: ${DEFAULT-VALUE}).")
  private int columns;

  @Option(
      names = "--threads",
      paramLabel = "T",
      description = "Threads to use at most (default: all processors).")
  private int threads = Runtime.getRuntime().availableProcessors();

  @Option(
      names = "--repeat",
      paramLabel = "K",
      defaultValue = "3",
      description = "How often to measure; the best counts (default: ${DEFAULT-VALUE}).")
  private int repeat;

  @Option(
      names = "--backend",
      paramLabel = "BACKEND",
      description = "Backend: auto, openblas or cuda (default: openblas).")
  private Backend backend = Backend.OPENBLAS;

  @Option(
      names = "--json",
      paramLabel = "FILE",
      description = "Also write everything that was measured to this file.")
  private Path json;

  public BenchCertificateCommand(Environment environment) {
    this.environment = environment;
  }

  @Override
  public Integer call() {
    BenchCommand.requirePositive(spec, "--rows", rows);
    BenchCommand.requirePositive(spec, "--columns", columns);
    BenchCommand.requirePositive(spec, "--threads", threads);
    BenchCommand.requirePositive(spec, "--repeat", repeat);
    if (columns < rows) {
      throw new ParameterException(
          spec.commandLine(),
          "--columns is "
              + columns
              + " and --rows is "
              + rows
              + ", but there must be at least as many columns as rows for full row rank");
    }
    CertificateBenchmark.Result result;
    try {
      result = new CertificateBenchmark(rows, columns, repeat, chosen()).run();
    } catch (InsufficientMemoryException tooLarge) {
      throw new ExecutionFailedException(tooLarge.getMessage(), tooLarge);
    }
    print(result);
    if (json != null) {
      Json.write(json, result);
    }
    return ExitCode.OK;
  }

  private BackendChoice chosen() {
    try {
      return backend.choose(threads);
    } catch (BackendUnavailableException unavailable) {
      throw new BadInputException(
          "--backend " + backend + ": " + unavailable.getMessage(), unavailable);
    }
  }

  private void print(CertificateBenchmark.Result result) {
    CertificateBenchmark.Machine machine = result.machine();
    environment
        .out()
        .println(
            "%d × %d f64, %s; %s; %s, %d of %d processors; %s, JDK %s"
                .formatted(
                    rows,
                    columns,
                    result.matrix(),
                    machine.backend(),
                    machine.processor(),
                    machine.threads(),
                    machine.processors(),
                    machine.openBlas(),
                    machine.jdk()));
    TextTable table = new TextTable();
    table.row("", "best", "GFLOP/s", "of dgemm", "all");
    for (CertificateBenchmark.Measurement measurement : result.measurements()) {
      addRow(
          table,
          measurement.name(),
          measurement.best(),
          String.join(
              " ", measurement.seconds().stream().map(BenchCertificateCommand::seconds).toList()));
      measurement.stages().forEach((stage, speed) -> addRow(table, "  " + stage, speed, ""));
    }
    table.lines().forEach(environment.out()::println);
    result.notes().forEach(environment.out()::println);
  }

  private static void addRow(
      TextTable table, String name, CertificateBenchmark.Speed speed, String all) {
    boolean counted = speed.gflops() != null;
    table.row(
        name,
        seconds(speed.seconds()),
        counted ? String.format(Locale.ROOT, "%.1f", speed.gflops()) : "",
        counted ? String.format(Locale.ROOT, "%.0f%%", 100 * speed.shareOfDgemm()) : "",
        all);
  }

  private static String seconds(double value) {
    return String.format(Locale.ROOT, "%.3f s", value);
  }
}
