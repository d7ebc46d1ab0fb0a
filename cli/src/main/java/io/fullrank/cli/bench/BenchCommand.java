package io.fullrank.cli.bench;

import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code fullrank bench}. */
@Command(
    name = "bench",
    description = {"Measures how fast this machine is at what Fullrank does."},
    synopsisSubcommandLabel = "COMMAND",
    footerHeading = "%nExamples:%n",
    footer = {
      "  fullrank bench certificate --rows 4000 --columns 4097 --json result.json",
      "  fullrank bench training examples/mnist-resnet.yaml --data ~/data",
      "  fullrank bench metrics --seconds 60",
      "  fullrank bench chaos --faults 100 --json result.json"
    })
public final class BenchCommand implements Runnable {

  @Spec private CommandSpec spec;

  public BenchCommand() {}

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "Missing command");
  }

  /** Refuses a value of an option of a benchmark that is not at least 1. */
  static void requirePositive(CommandSpec benchmark, String option, int value) {
    if (value < 1) {
      throw new ParameterException(
          benchmark.commandLine(), option + " must be at least 1, not " + value);
    }
  }
}
