package io.fullrank.cli.command;

import io.fullrank.certificate.proof.NoProofException;
import io.fullrank.certificate.result.Outcome;
import io.fullrank.cli.failure.ExitCode;
import io.fullrank.cli.proof.ProofFile;
import io.fullrank.cli.terminal.Environment;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code fullrank prove}. */
@Command(
    name = "prove",
    description = {
      "Makes a proof that a matrix of features has full row rank, which others can verify without"
          + " trusting Fullrank: with 'fullrank verify' or with python/verify_proof.py."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  fullrank prove features.npy --out features.proof",
      "",
      "Exit status: 0 if the proof is made, 3 if the matrix is not of full row rank, 4 if no proof was"
          + " found, 2 for a file that cannot be used."
    })
public final class ProveCommand implements Callable<Integer> {

  private final Environment environment;

  @Parameters(paramLabel = "FILE", description = "The matrix, .npy or .safetensors.")
  private Path file;

  @Option(
      names = "--out",
      paramLabel = "PROOF",
      required = true,
      description = "The file that the proof is written to.")
  private Path out;

  @Option(
      names = "--tensor",
      paramLabel = "NAME",
      description = "Which matrix of a .safetensors file (default: the only one).")
  private Optional<String> tensor = Optional.empty();

  @Option(names = "--no-bias", description = "Prove it of the matrix without a column of ones.")
  private boolean noBias;

  public ProveCommand(Environment environment) {
    this.environment = environment;
  }

  @Override
  public Integer call() {
    try {
      new ProofFile(out, environment).make(file, tensor, !noBias);
    } catch (NoProofException none) {
      environment.err().printf("fullrank: %s: no proof: %s%n", file, none.getMessage());
      return none.outcome() == Outcome.REFUTED ? ExitCode.REFUTED : ExitCode.UNDETERMINED;
    }
    environment.out().printf("%s proves the full row rank of %s%n", out, file);
    return ExitCode.OK;
  }
}
