package io.fullrank.cli;

import io.fullrank.certificate.DenseLinearAlgebra;
import io.fullrank.certificate.OpenBlas;
import java.util.Locale;

/** What {@code --backend} may say. */
enum Backend {
  AUTO,
  OPENBLAS,
  CUDA;

  /**
   * Returns the backend, with as many threads as there are processors.
   *
   * @throws BadInputException if it is not there
   */
  DenseLinearAlgebra open() {
    return switch (this) {
      case AUTO, OPENBLAS -> new OpenBlas(Runtime.getRuntime().availableProcessors());
      case CUDA ->
          throw new BadInputException(
              "--backend cuda: this build has no CUDA backend; use --backend openblas");
    };
  }

  /** As it is written on the command line. */
  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
