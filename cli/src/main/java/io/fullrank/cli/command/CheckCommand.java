package io.fullrank.cli.command;

import io.fullrank.certificate.Backend;
import io.fullrank.certificate.RequestedMethod;
import io.fullrank.certificate.StreamedCertification;
import io.fullrank.certificate.backend.BackendUnavailableException;
import io.fullrank.certificate.backend.DenseLinearAlgebra;
import io.fullrank.certificate.cholesky.Spectrum;
import io.fullrank.certificate.file.InvalidMatrixFileException;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.modular.ModularRank;
import io.fullrank.certificate.result.Cancellation;
import io.fullrank.certificate.result.Certificate;
import io.fullrank.certificate.result.InsufficientMemoryException;
import io.fullrank.certificate.result.NonFiniteEntryException;
import io.fullrank.cli.failure.BadInputException;
import io.fullrank.cli.failure.ExecutionFailedException;
import io.fullrank.cli.failure.ExitCode;
import io.fullrank.cli.report.CheckReport;
import io.fullrank.cli.report.MatrixInput;
import io.fullrank.cli.terminal.CheckProgress;
import io.fullrank.cli.terminal.Environment;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code fullrank check}. */
@Command(
    name = "check",
    description = {
      "Certifies a matrix of features, one row per training example: has it full row rank?",
      "Reads NumPy's .npy files, .safetensors files, and models in several of these by their"
          + " .index.json, and appends the bias's column of ones. What does not fit into memory is read row by row, three times,"
          + " and certified by its rank modulo small primes."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  fullrank check features.npy",
      "  fullrank check phi.npy --no-bias --json",
      "  fullrank check model.safetensors --tensor features",
      "  fullrank check model.safetensors.index.json --tensor features",
      "  fullrank check phi.npy --method modular --primes 100",
      "  fullrank check phi.npy --spectrum",
      "",
      "Exit status: 0 CERTIFIED, 3 REFUTED, 4 UNDETERMINED, 2 for a file that cannot be used."
    })
public final class CheckCommand implements Callable<Integer> {

  private final Environment environment;

  @Spec private CommandSpec spec;

  @Parameters(paramLabel = "FILE", description = "The matrix: .npy, .safetensors or .index.json.")
  private Path file;

  @Option(
      names = "--tensor",
      paramLabel = "NAME",
      description = "Which matrix of a .safetensors file or .index.json (default: the only one).")
  private Optional<String> tensor = Optional.empty();

  @Option(names = "--no-bias", description = "Check the matrix as it is, without a column of ones.")
  private boolean noBias;

  @Option(
      names = "--method",
      paramLabel = "METHOD",
      description = {
        "auto: verified Cholesky, then the exact rank modulo primes where that leaves it open, small"
            + " primes first;",
        "cholesky: can certify and give bounds, but not refute;",
        "modular: the exact rank, without bounds (default: auto)."
      })
  private RequestedMethod method = RequestedMethod.AUTO;

  @Option(
      names = "--primes",
      paramLabel = "K",
      description =
          "Primes drawn at most; one is enough to certify, refuting takes more (default: "
              + ModularRank.DEFAULT_MAX_PRIMES
              + ").")
  private Integer primes;

  @Option(
      names = "--backend",
      paramLabel = "BACKEND",
      description = "Backend: auto (CUDA where it is usable), openblas or cuda (default: auto).")
  private Backend backend = Backend.AUTO;

  @Option(
      names = "--spectrum",
      description = "Also show how large the singular values are; takes longer.")
  private boolean withSpectrum;

  @Option(names = "--json", description = "Print the certificate as JSON.")
  private boolean json;

  public CheckCommand(Environment environment) {
    this.environment = environment;
  }

  @Override
  public Integer call() {
    if (primes != null && primes < 1) {
      throw new ParameterException(
          spec.commandLine(), "--primes: '" + primes + "' must be at least 1");
    }
    if (primes != null && method == RequestedMethod.CHOLESKY) {
      throw new ParameterException(
          spec.commandLine(), "--primes: --method cholesky draws none; leave one of the two out");
    }
    CheckReport report = check(System.nanoTime(), algebra());
    if (json) {
      environment.out().println(report.toJson());
    } else {
      report.lines().forEach(environment.out()::println);
    }
    return switch (report.certificate().outcome()) {
      case CERTIFIED -> ExitCode.OK;
      case REFUTED -> ExitCode.REFUTED;
      case UNDETERMINED -> ExitCode.UNDETERMINED;
    };
  }

  private DenseLinearAlgebra algebra() {
    try {
      return backend.choose(Runtime.getRuntime().availableProcessors()).algebra();
    } catch (BackendUnavailableException unavailable) {
      throw new BadInputException(
          "--backend " + backend + ": " + unavailable.getMessage(), unavailable);
    }
  }

  private CheckReport check(long start, DenseLinearAlgebra algebra) {
    long begin = System.nanoTime();
    CheckProgress progress = environment.checkProgress();
    try (MatrixInput input = MatrixInput.open(file, tensor, !noBias)) {
      Map<String, Duration> seconds = new LinkedHashMap<>();
      Optional<Spectrum> spectrum = Optional.empty();
      Certificate certificate;
      StreamedCertification streamed = new StreamedCertification(algebra);
      if (method != RequestedMethod.CHOLESKY && streamed.isNeededFor(input.rows())) {
        if (withSpectrum) {
          throw new BadInputException(
              "--spectrum: the matrix does not fit into memory, and its singular values need it there");
        }
        if (primes != null) {
          throw new BadInputException(
              "--primes: the matrix does not fit into memory, and only primes of one byte are used then;"
                  + " leave the option out");
        }
        certificate = streamed.certify(input.rows(), progress, Cancellation.NEVER);
        seconds.putAll(certificate.stages());
      } else {
        try (Matrix matrix = input.rows().load()) {
          seconds.put("load", since(begin));
          certificate =
              method
                  .with(algebra, Optional.ofNullable(primes).orElse(ModularRank.DEFAULT_MAX_PRIMES))
                  .certify(matrix, progress, Cancellation.NEVER);
          seconds.putAll(certificate.stages());
          if (withSpectrum) {
            begin = System.nanoTime();
            spectrum = Optional.of(Spectrum.of(matrix, certificate, algebra, Cancellation.NEVER));
            seconds.put("spectrum", since(begin));
          }
        }
      }
      seconds.put("total", since(start));
      return new CheckReport(
          file.toString(), input.tensor(), input.sha256(), !noBias, certificate, spectrum, seconds);
    } catch (InvalidMatrixFileException unreadable) {
      throw new BadInputException(unreadable.getMessage(), unreadable);
    } catch (NonFiniteEntryException unusable) {
      throw new BadInputException(file + ": " + unusable.getMessage(), unusable);
    } catch (InsufficientMemoryException tooLarge) {
      throw new ExecutionFailedException(file + ": " + tooLarge.getMessage(), tooLarge);
    } finally {
      progress.end();
    }
  }

  private static Duration since(long start) {
    return Duration.ofNanos(System.nanoTime() - start);
  }
}
