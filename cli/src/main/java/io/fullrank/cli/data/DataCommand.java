package io.fullrank.cli.data;

import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code fullrank data}. */
@Command(
    name = "data",
    description = "Lists the data sets of a folder and checks their files; downloads data sets.",
    synopsisSubcommandLabel = "COMMAND",
    footerHeading = "%nExamples:%n",
    footer = {
      "  fullrank data list --data ~/data",
      "  fullrank data download cifar-10 --data ~/data",
      "  fullrank data download mnist --from https://mirror.example.org/mnist/"
    })
public final class DataCommand implements Runnable {

  @Spec private CommandSpec spec;

  public DataCommand() {}

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "Missing command: list or download");
  }
}
