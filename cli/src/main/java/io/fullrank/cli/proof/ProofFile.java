package io.fullrank.cli.proof;

import io.fullrank.certificate.Backend;
import io.fullrank.certificate.file.InvalidMatrixFileException;
import io.fullrank.certificate.proof.NoProofException;
import io.fullrank.certificate.proof.ProofVerifier;
import io.fullrank.certificate.proof.ProofVerifier.Verified;
import io.fullrank.certificate.proof.RankProver;
import io.fullrank.certificate.proof.RefusedProofException;
import io.fullrank.certificate.result.Cancellation;
import io.fullrank.certificate.result.InsufficientMemoryException;
import io.fullrank.certificate.result.NonFiniteEntryException;
import io.fullrank.cli.failure.BadInputException;
import io.fullrank.cli.failure.ExecutionFailedException;
import io.fullrank.cli.report.MatrixInput;
import io.fullrank.cli.report.WholeFile;
import io.fullrank.cli.terminal.CheckProgress;
import io.fullrank.cli.terminal.Environment;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/** A proof in a file, of a matrix in another one. */
public final class ProofFile {

  private final Path path;
  private final Environment environment;

  /** Names a proof, which may not exist yet. */
  public ProofFile(Path path, Environment environment) {
    this.path = path;
    this.environment = environment;
  }

  /**
   * Makes the proof that a matrix has full row rank, and writes it whole or not at all.
   *
   * @param matrix the file of the matrix
   * @param tensor which one of a {@code .safetensors} file; if absent, the only one that there is
   * @param appendOnes whether the column of ones that carries the bias is appended
   * @throws NoProofException if there is none
   * @throws BadInputException if the matrix cannot be used, or the proof cannot be written
   * @throws ExecutionFailedException if there is too little memory
   */
  public void make(Path matrix, Optional<String> tensor, boolean appendOnes) {
    CheckProgress progress = environment.checkProgress();
    try (MatrixInput input = MatrixInput.open(matrix, tensor, appendOnes)) {
      if (Files.exists(path) && Files.isSameFile(path, matrix)) {
        throw new BadInputException("--out " + path + ": is the matrix itself");
      }
      RankProver prover = new RankProver(Backend.OPENBLAS.choose(threads()).algebra());
      WholeFile.write(path, out -> prover.prove(input.rows(), out, progress, Cancellation.NEVER));
    } catch (IOException failed) {
      throw new BadInputException(
          "--out %s: the proof cannot be written (%s)".formatted(path, failed), failed);
    } catch (InvalidMatrixFileException unreadable) {
      throw new BadInputException(unreadable.getMessage(), unreadable);
    } catch (NonFiniteEntryException unusable) {
      throw new BadInputException(matrix + ": " + unusable.getMessage(), unusable);
    } catch (InsufficientMemoryException tooLarge) {
      throw new ExecutionFailedException(matrix + ": " + tooLarge.getMessage(), tooLarge);
    } finally {
      progress.end();
    }
  }

  /**
   * Verifies that it proves that a matrix has full row rank.
   *
   * @param matrix the file of the matrix
   * @param tensor which one of a {@code .safetensors} file; if absent, the only one that there is
   * @throws BadInputException if it does not, or a file cannot be used
   * @throws ExecutionFailedException if there is too little memory
   */
  public Verified verify(Path matrix, Optional<String> tensor) {
    CheckProgress progress = environment.checkProgress();
    try (MatrixInput input = MatrixInput.open(matrix, tensor, false)) {
      return new ProofVerifier(threads()).verify(path, input.rows(), progress, Cancellation.NEVER);
    } catch (RefusedProofException refused) {
      throw new BadInputException(path + ": refused: " + refused.getMessage(), refused);
    } catch (InvalidMatrixFileException unreadable) {
      throw new BadInputException(unreadable.getMessage(), unreadable);
    } catch (NonFiniteEntryException unusable) {
      throw new BadInputException(matrix + ": " + unusable.getMessage(), unusable);
    } catch (InsufficientMemoryException tooLarge) {
      throw new ExecutionFailedException(matrix + ": " + tooLarge.getMessage(), tooLarge);
    } finally {
      progress.end();
    }
  }

  /** Returns what is proven, in a sentence. */
  public static String words(Verified verified) {
    return "the %d rows of the %d x %d matrix%s are linearly independent"
        .formatted(
            verified.matrix().rows(),
            verified.matrix().rows(),
            verified.matrix().allColumns(),
            verified.matrix().ones() ? " (with a column of ones)" : "");
  }

  private static int threads() {
    return Runtime.getRuntime().availableProcessors();
  }
}
