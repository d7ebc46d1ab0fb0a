package io.fullrank.cli.chaos;

import io.fullrank.cli.chaos.ChaosReport.Judgement;
import io.fullrank.cli.failure.BadInputException;
import io.fullrank.cli.failure.ExecutionFailedException;
import io.fullrank.cli.failure.ExitCode;
import io.fullrank.cli.report.Json;
import io.fullrank.cli.terminal.Environment;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code fullrank bench chaos}. */
@Command(
    name = "chaos",
    description = {
      "Kills, stops and cuts off a broker and two of each service while experiments run,",
      "and judges whether anything was lost or came out otherwise."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  fullrank bench chaos --faults 100 --seed 7 --work chaos --json chaos.json",
      "",
      "Exit status: 0 if all that is judged holds, 1 if not."
    })
public final class BenchChaosCommand implements Callable<Integer> {

  private final Environment environment;

  @Spec private CommandSpec spec;

  @Option(
      names = "--faults",
      paramLabel = "N",
      defaultValue = "100",
      description = "How many faults (default: ${DEFAULT-VALUE}).")
  private int faults;

  @Option(
      names = "--seed",
      paramLabel = "S",
      defaultValue = "1",
      description = "What the faults follow from (default: ${DEFAULT-VALUE}).")
  private long seed;

  @Option(
      names = "--longest",
      paramLabel = "SECONDS",
      defaultValue = "60",
      description = "How long a fault lasts at most, at least 5 (default: ${DEFAULT-VALUE}).")
  private int longest;

  @Option(
      names = "--watches",
      paramLabel = "W",
      defaultValue = "0",
      description = "Clients that watch a run meanwhile (default: ${DEFAULT-VALUE}).")
  private int watches;

  @Option(
      names = "--calls",
      paramLabel = "C",
      defaultValue = "0",
      description = "Calls of the metrics services per second (default: ${DEFAULT-VALUE}).")
  private int calls;

  @Option(
      names = "--work",
      paramLabel = "DIR",
      description = "New or empty folder for logs and data (default: a new temporary one).")
  private Optional<Path> work = Optional.empty();

  @Option(
      names = "--json",
      paramLabel = "FILE",
      description = "Write what became of it to this file as JSON.")
  private Optional<Path> json = Optional.empty();

  public BenchChaosCommand(Environment environment) {
    this.environment = environment;
  }

  @Override
  public Integer call() throws InterruptedException {
    requireAtLeast("--faults", 1, faults);
    requireAtLeast("--longest", 5, longest);
    requireAtLeast("--watches", 0, watches);
    requireAtLeast("--calls", 0, calls);
    environment.installation().requireComplete();
    Path folder = folder();
    PrintStream out = environment.out();
    out.println("Logs are in " + folder);
    ChaosReport report;
    try {
      report =
          new ChaosCampaign(
                  out,
                  environment.installation(),
                  folder,
                  new ChaosCampaign.Plan(faults, seed, Duration.ofSeconds(longest), watches, calls))
              .run();
    } catch (IOException failed) {
      throw new ExecutionFailedException(failed.toString(), failed);
    }
    json.ifPresent(file -> Json.write(file, report));
    out.printf(
        Locale.ROOT,
        "%d faults in %.0f s: %d runs ended, with %d verdicts%n",
        report.faults().size(),
        report.seconds(),
        report.runs(),
        report.verdicts());
    report
        .longestOutages()
        .forEach(
            (service, seconds) ->
                out.printf(
                    Locale.ROOT,
                    "no %s served for %.1f s at most; memory of one in thirds of the time: %s MiB%n",
                    service,
                    seconds,
                    report.memory().get(service)));
    if (watches > 0 || calls > 0) {
      print(out, report.load());
    }
    for (Judgement judgement : report.judgements()) {
      out.printf("%s: %s%n", judgement.holds() ? "holds" : "DOES NOT HOLD", judgement.statement());
      judgement.contradictions().forEach(each -> out.println("  " + each));
    }
    List<Judgement> broken =
        report.judgements().stream().filter(judgement -> !judgement.holds()).toList();
    if (!broken.isEmpty()) {
      throw new ExecutionFailedException(
          broken.stream()
              .map(judgement -> "it does not hold that " + judgement.statement())
              .collect(Collectors.joining("; ")));
    }
    return ExitCode.OK;
  }

  private static void print(PrintStream out, ClientLoad.Report load) {
    out.printf(
        Locale.ROOT,
        "%d calls, not answered: %s; none was answered for %.1f s at most; p50 %.1f ms, p99 %.1f ms%n",
        load.calls(),
        load.refused(),
        load.longestWithoutAnswer(),
        load.p50Millis(),
        load.p99Millis());
    load.firstReasons().forEach((status, reason) -> out.printf("  %s: %s%n", status, reason));
    out.printf(
        Locale.ROOT,
        "watches broke %d times and were back after %.1f s at most; %d are open%n",
        load.watchesBroken(),
        load.longestUntilBack(),
        load.watchesOpen());
  }

  private void requireAtLeast(String option, int least, int value) {
    if (value < least) {
      throw new ParameterException(
          spec.commandLine(), "%s must be at least %d, not %d".formatted(option, least, value));
    }
  }

  // What an earlier campaign has left would be judged with this one.
  private Path folder() {
    try {
      if (work.isEmpty()) {
        return Files.createTempDirectory("fullrank-chaos-");
      }
      Path folder = Files.createDirectories(work.get().toAbsolutePath().normalize());
      try (var files = Files.list(folder)) {
        if (files.findAny().isPresent()) {
          throw new BadInputException(
              "--work %s: is not empty; name a new folder".formatted(work.get()));
        }
      }
      return folder;
    } catch (IOException failed) {
      throw new BadInputException(
          "--work: the folder could not be made (%s)".formatted(failed), failed);
    }
  }
}
