package io.fullrank.certificate;

import io.fullrank.certificate.backend.BackendUnavailableException;
import io.fullrank.certificate.backend.cuda.Cuda;
import io.fullrank.certificate.backend.openblas.OpenBlas;
import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/** Which library does the linear algebra. */
public enum Backend {
  /** CUDA if it is installed and has a usable device, OpenBLAS otherwise. */
  AUTO {
    @Override
    public BackendChoice choose(int threads) {
      try {
        return CUDA.choose(threads);
      } catch (BackendUnavailableException e) {
        BackendChoice fallback = OPENBLAS.choose(threads);
        return new BackendChoice(
            fallback.algebra(), fallback.description() + "; " + e.getMessage());
      }
    }
  },

  /** The CPU. */
  OPENBLAS {
    @Override
    public BackendChoice choose(int threads) {
      return new BackendChoice(
          new OpenBlas(threads), "openblas, " + threads + (threads == 1 ? " thread" : " threads"));
    }
  },

  /** The first NVIDIA device that the process may see, see {@link Cuda}. */
  CUDA {
    @Override
    public BackendChoice choose(int threads) {
      Cuda cuda = new Cuda(threads);
      return new BackendChoice(cuda, "cuda, " + cuda.device());
    }
  };

  /**
   * Makes the backend ready for work.
   *
   * @param threads the largest number of CPU threads that it may use, at least 1
   * @return the backend, and a line for the log
   * @throws BackendUnavailableException if it cannot be used here; never thrown by {@link #AUTO}
   */
  public abstract BackendChoice choose(int threads);

  /**
   * Returns the backend of a name, as options and settings have it: {@code auto}, {@code openblas}
   * or {@code cuda}.
   *
   * @throws IllegalArgumentException if there is none of that name
   */
  public static Backend of(String name) {
    return Arrays.stream(values())
        .filter(backend -> backend.toString().equals(name))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "there is no backend '"
                        + name
                        + "'; choose one of "
                        + Arrays.stream(values())
                            .map(Backend::toString)
                            .collect(Collectors.joining(", "))));
  }

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
