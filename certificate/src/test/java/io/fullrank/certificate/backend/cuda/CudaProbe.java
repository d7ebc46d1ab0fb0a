package io.fullrank.certificate.backend.cuda;

import io.fullrank.certificate.Backend;
import io.fullrank.certificate.RankCertification;
import io.fullrank.certificate.backend.BackendUnavailableException;
import io.fullrank.certificate.backend.InexactBackendException;
import io.fullrank.certificate.cholesky.VerifiedCholesky;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.result.Cancellation;
import io.fullrank.certificate.result.Certificate;
import io.fullrank.certificate.result.InsufficientMemoryException;
import java.util.SplittableRandom;

/** Tries the CUDA backend in a JVM of its own, and prints the result. */
final class CudaProbe {

  private static final int LARGE = 4000;

  private CudaProbe() {}

  public static void main(String[] arguments) {
    switch (arguments[0]) {
      case "choose" -> choose(arguments[1]);
      case "certify" -> certify();
      default -> large();
    }
  }

  private static void choose(String backend) {
    try {
      System.out.println(Backend.of(backend).choose(1).description());
    } catch (BackendUnavailableException e) {
      System.out.println("unavailable: " + e.getMessage());
    }
  }

  private static void certify() {
    SplittableRandom random = new SplittableRandom(1);
    double[][] rows = new double[10][15];
    for (double[] row : rows) {
      for (int j = 0; j < row.length; j++) {
        row[j] = random.nextDouble(-1, 1);
      }
    }
    try (Matrix matrix = Matrix.of(rows)) {
      Certificate certificate =
          new RankCertification(new Cuda(1), new VerifiedCholesky()).certify(matrix);
      System.out.println(certificate.outcome() + " " + certificate.reason());
    } catch (InexactBackendException e) {
      System.out.println("InexactBackendException: " + e.getMessage());
    }
  }

  private static void large() {
    Cuda cuda = new Cuda(1);
    try (Matrix matrix = Matrix.allocate(LARGE, LARGE)) {
      try {
        cuda.gram(matrix, new int[LARGE], Cancellation.NEVER).close();
      } catch (InsufficientMemoryException e) {
        System.out.println("gram: " + e.getMessage());
      }
      try {
        cuda.residues(matrix, LARGE, LARGE, 128, 4194301).close();
      } catch (InsufficientMemoryException e) {
        System.out.println("residues: " + e.getMessage());
      }
    }
  }
}
