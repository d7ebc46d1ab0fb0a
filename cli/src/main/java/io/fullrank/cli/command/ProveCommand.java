package io.fullrank.cli.command;

import io.fullrank.certificate.proof.NoProofException;
import io.fullrank.certificate.result.Outcome;
import io.fullrank.cli.client.KafkaOptions;
import io.fullrank.cli.failure.ExitCode;
import io.fullrank.cli.proof.ProofFile;
import io.fullrank.cli.proof.RunExport;
import io.fullrank.cli.snapshot.PublishedSnapshots;
import io.fullrank.cli.terminal.Environment;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code fullrank prove}. */
@Command(
    name = "prove",
    description = {
      "Makes a proof that a matrix of features has full row rank, which others can verify without"
          + " trusting Fullrank: with 'fullrank verify' or with python/verify_proof.py.",
      "With --step, the features are those of a run, as long as Kafka keeps its snapshot (a day); the"
          + " result is a folder with features.npy, features.proof, and run.json, which has experiment"
          + " and versions."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  fullrank prove features.npy --out features.proof",
      "  fullrank prove semeion-fc-0a1b2c.two-phase.1 --step 640 --data ~/data --out proof",
      "",
      "Exit status: 0 if the proof is made, 3 if the matrix is not of full row rank, 4 if no proof was"
          + " found, 2 for unusable input."
    })
public final class ProveCommand implements Callable<Integer> {

  private final Environment environment;

  @Spec private CommandSpec spec;

  @Parameters(
      paramLabel = "FILE|RUN",
      description = "The matrix, .npy or .safetensors; or, with --step, the name of a run.")
  private String subject;

  @Option(
      names = "--out",
      paramLabel = "PROOF",
      required = true,
      description = "The file of the proof; with --step, a folder.")
  private Path out;

  @Option(
      names = "--tensor",
      paramLabel = "NAME",
      description = "Which matrix of a .safetensors file (default: the only one).")
  private Optional<String> tensor = Optional.empty();

  @Option(names = "--no-bias", description = "Prove it of the matrix without a column of ones.")
  private boolean noBias;

  @Option(names = "--step", paramLabel = "K", description = "The step of the run's snapshot.")
  private Long step;

  @Option(
      names = "--data",
      paramLabel = "DIR",
      defaultValue = "data",
      description =
          "Folder of the run's data set, to recompute the features (default: ${DEFAULT-VALUE}).")
  private Path data;

  @Mixin private KafkaOptions kafka;

  public ProveCommand(Environment environment) {
    this.environment = environment;
  }

  @Override
  public Integer call() {
    if (step != null && (noBias || tensor.isPresent())) {
      throw new ParameterException(
          spec.commandLine(), "--no-bias and --tensor are for files, --step is for runs");
    }
    try {
      if (step == null) {
        new ProofFile(out, environment).make(Path.of(subject), tensor, !noBias);
        environment.out().printf("%s proves the full row rank of %s%n", out, subject);
      } else {
        new RunExport(out, environment)
            .write(new PublishedSnapshots(kafka.connection()).find(subject, step), data);
        environment.out().printf("%s holds the proof for run %s at step %d%n", out, subject, step);
      }
    } catch (NoProofException none) {
      environment.err().printf("fullrank: %s: no proof: %s%n", subject, none.getMessage());
      return none.outcome() == Outcome.REFUTED ? ExitCode.REFUTED : ExitCode.UNDETERMINED;
    }
    return ExitCode.OK;
  }
}
