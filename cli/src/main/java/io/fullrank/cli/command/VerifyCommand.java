package io.fullrank.cli.command;

import io.fullrank.certificate.proof.ProofVerifier.Verified;
import io.fullrank.cli.failure.ExitCode;
import io.fullrank.cli.proof.ProofFile;
import io.fullrank.cli.terminal.Environment;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code fullrank verify}. */
@Command(
    name = "verify",
    description = {
      "Verifies that a proof made by 'fullrank prove' proves that a matrix has full row rank.",
      "It trusts nothing in the proof: one that proves nothing is accepted with a probability below"
          + " 1e-30. python/verify_proof.py does the same with NumPy alone."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  fullrank verify features.proof features.npy",
      "",
      "Exit status: 0 if the rank is proven, 2 if the proof is refused or a file cannot be used."
    })
public final class VerifyCommand implements Callable<Integer> {

  private final Environment environment;

  @Parameters(index = "0", paramLabel = "PROOF", description = "The proof.")
  private Path proof;

  @Parameters(
      index = "1",
      paramLabel = "FILE",
      description = "The matrix that it is about, .npy or .safetensors.")
  private Path file;

  @Option(
      names = "--tensor",
      paramLabel = "NAME",
      description = "Which matrix of a .safetensors file (default: the only one).")
  private Optional<String> tensor = Optional.empty();

  public VerifyCommand(Environment environment) {
    this.environment = environment;
  }

  @Override
  public Integer call() {
    Verified verified = new ProofFile(proof, environment).verify(file, tensor);
    environment.out().println("VERIFIED  " + ProofFile.words(verified));
    environment
        .out()
        .printf(
            "SHA-256 of its %s entries: %s%n",
            verified.matrix().type(), verified.matrix().sha256());
    environment
        .out()
        .printf(
            "%d random vectors modulo %d agree, which a proof that proves nothing achieves with a"
                + " probability below 1e-30%n",
            verified.vectors(), verified.prime());
    return ExitCode.OK;
  }
}
