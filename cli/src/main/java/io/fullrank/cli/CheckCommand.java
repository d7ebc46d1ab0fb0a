package io.fullrank.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import io.fullrank.certificate.Certificate;
import io.fullrank.certificate.FeatureMatrix;
import io.fullrank.certificate.InsufficientMemoryException;
import io.fullrank.certificate.InvalidMatrixFileException;
import io.fullrank.certificate.NonFiniteEntryException;
import io.fullrank.certificate.NpyFile;
import io.fullrank.certificate.OpenBlas;
import io.fullrank.certificate.StructureThenCholesky;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.OptionalDouble;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code fullrank check}. */
@Command(
    name = "check",
    description = {
      "Certifies a matrix of features, one row per training example: has it full row rank?",
      "Reads NumPy's .npy files of floating-point numbers and appends the bias's column of ones."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  fullrank check features.npy",
      "  fullrank check phi.npy --no-bias --json",
      "",
      "Exit status: 0 CERTIFIED, 3 REFUTED, 4 UNDETERMINED, 2 for a file that cannot be used."
    })
final class CheckCommand implements Callable<Integer> {

  private final Environment environment;

  @Parameters(paramLabel = "FILE.npy", description = "The matrix.")
  private Path file;

  @Option(names = "--no-bias", description = "Check the matrix as it is, without a column of ones.")
  private boolean noBias;

  @Option(names = "--json", description = "Print the certificate as JSON.")
  private boolean json;

  CheckCommand(Environment environment) {
    this.environment = environment;
  }

  /** A certificate as {@code --json} prints it. */
  private record CheckReport(
      String file,
      String outcome,
      String method,
      long rows,
      long columns,
      Double sigmaMinLowerBound,
      Double sigmaMaxUpperBound,
      long rankLowerBound,
      Double falseRefutationProbability,
      String reason,
      double seconds) {}

  @Override
  public Integer call() {
    Certificate certificate = certify();
    if (json) {
      environment.out().println(toJson(certificate));
    } else {
      print(certificate);
    }
    switch (certificate.outcome()) {
      case CERTIFIED:
        return ExitCode.OK;
      case REFUTED:
        return ExitCode.REFUTED;
      case UNDETERMINED:
        return ExitCode.UNDETERMINED;
    }
    throw new AssertionError(certificate.outcome());
  }

  private Certificate certify() {
    try (FeatureMatrix matrix = NpyFile.read(file, !noBias)) {
      return new StructureThenCholesky(new OpenBlas(Runtime.getRuntime().availableProcessors()))
          .certify(matrix);
    } catch (NonFiniteEntryException unusable) {
      throw new BadInputException(file + ": " + unusable.getMessage(), unusable);
    } catch (InsufficientMemoryException tooLarge) {
      throw new ExecutionFailedException(file + ": " + tooLarge.getMessage(), tooLarge);
    } catch (InvalidMatrixFileException invalid) {
      throw new BadInputException(invalid.getMessage(), invalid);
    }
  }

  private void print(Certificate certificate) {
    TextTable table = new TextTable();
    table.row("outcome", certificate.outcome().toString());
    table.row("", certificate.reason());
    table.row(
        "matrix",
        "%d × %d%s"
            .formatted(
                certificate.rows(),
                certificate.columns(),
                noBias ? "" : ", column of ones included"));
    certificate
        .sigmaMinLowerBound()
        .ifPresent(bound -> table.row("σ_min", "≥ " + Decimals.lowerBound(bound)));
    certificate
        .sigmaMaxUpperBound()
        .ifPresent(bound -> table.row("σ_max", "≤ " + Decimals.upperBound(bound)));
    table.row("rank", "≥ " + certificate.rankLowerBound());
    certificate
        .falseRefutationProbability()
        .ifPresent(
            probability ->
                table.row(
                    "error",
                    "the refutation is wrong with probability ≤ "
                        + Decimals.upperBound(probability)));
    table.row("method", certificate.method().toString());
    table.row("time", Decimals.measured(certificate.elapsed().toNanos() / 1e9) + " s");
    environment.out().println(file);
    table.lines().forEach(environment.out()::println);
  }

  private String toJson(Certificate certificate) {
    CheckReport report =
        new CheckReport(
            file.toString(),
            certificate.outcome().toString(),
            certificate.method().toString(),
            certificate.rows(),
            certificate.columns(),
            orNull(certificate.sigmaMinLowerBound()),
            orNull(certificate.sigmaMaxUpperBound()),
            certificate.rankLowerBound(),
            orNull(certificate.falseRefutationProbability()),
            certificate.reason(),
            certificate.elapsed().toNanos() / 1e9);
    try {
      return new ObjectMapper()
          .enable(SerializationFeature.INDENT_OUTPUT)
          .writeValueAsString(report);
    } catch (JsonProcessingException impossible) {
      throw new UncheckedIOException(impossible);
    }
  }

  private static Double orNull(OptionalDouble value) {
    return value.isPresent() ? (Double) value.getAsDouble() : null;
  }
}
