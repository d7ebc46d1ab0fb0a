package io.fullrank.cli.doctor;

import io.fullrank.certificate.Backend;
import io.fullrank.certificate.backend.BackendUnavailableException;
import io.fullrank.certificate.backend.InexactBackendException;
import io.fullrank.cli.client.MetricsOptions;
import io.fullrank.cli.failure.BadInputException;
import io.fullrank.cli.failure.ExecutionFailedException;
import io.fullrank.cli.installation.Installation;
import io.fullrank.cli.installation.Ports;
import io.fullrank.network.tensor.SingleBlasThread;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** What Fullrank is made of and works with: Java, native libraries, services, data. */
final class Software {

  private static final String LINEAR_ALGEBRA = "linear algebra";
  private static final String NATIVE_LIBRARIES = "native libraries";
  private static final String SERVER = "server";

  private Software() {}

  /** Returns which Java runs this. */
  static Finding java() {
    String found =
        "%s (%s), %s"
            .formatted(
                System.getProperty("java.version"),
                System.getProperty("java.vendor"),
                System.getProperty("java.home"));
    return System.getProperty("os.arch").matches("amd64|x86_64|aarch64")
        ? Finding.ok("Java", found)
        : Finding.bad(
            "Java",
            found + ", for " + System.getProperty("os.arch"),
            "native libraries are there for x86-64 and aarch64; install a Java for one of these");
  }

  /**
   * Returns whether the native libraries can be loaded, and whether this processor's linear algebra
   * gives known answers.
   */
  static List<Finding> nativeLibraries() {
    List<Finding> findings = new ArrayList<>();
    try {
      SingleBlasThread.loadLibraries();
      findings.add(Finding.ok(NATIVE_LIBRARIES, "OpenBLAS and ND4J are loaded"));
    } catch (LinkageError missing) {
      findings.add(
          Finding.bad(
              NATIVE_LIBRARIES,
              missing.getMessage(),
              "take the archive for this platform, and see what is said of temporary files"));
      return findings;
    }
    try {
      String backend =
          Backend.OPENBLAS.choose(Runtime.getRuntime().availableProcessors()).description();
      findings.add(Finding.ok(LINEAR_ALGEBRA, backend + ", gives the known answers"));
    } catch (InexactBackendException wrong) {
      findings.add(
          Finding.bad(LINEAR_ALGEBRA, wrong.getMessage(), "try OPENBLAS_CORETYPE=Haswell"));
    }
    return findings;
  }

  /** Returns whether certificates can be made on an NVIDIA device. */
  static Finding cuda() {
    try {
      return Finding.ok("CUDA", Backend.CUDA.choose(1).description());
    } catch (BackendUnavailableException unavailable) {
      return Finding.note(
          "CUDA",
          unavailable.getMessage(),
          "certificates are made on the processor; docs/configuration.md says what a device takes");
    }
  }

  /** Returns whether everything that a stack needs is there. */
  static Finding services(Installation installation) {
    try {
      installation.requireComplete();
      return Finding.ok("services", "broker, trainer, checker and metrics service are there");
    } catch (ExecutionFailedException incomplete) {
      return Finding.note(
          "services", incomplete.getMessage(), "until then 'up' and 'demo' need a server");
    }
  }

  /** Returns whether the ports that a stack listens on are free. */
  static Finding ports(Ports ports) {
    try {
      ports.requireFree();
      return Finding.ok("ports", "those of a stack are free");
    } catch (BadInputException taken) {
      return Finding.note("ports", taken.getMessage(), "or a stack runs here already");
    }
  }

  /** Returns whether there is a folder of data sets. */
  static Finding data(Path folder) {
    if (!Files.isDirectory(folder)) {
      return Finding.note(
          "data sets",
          "there is no folder " + folder,
          "generated data needs none; 'fullrank data download --help' says how to get others");
    }
    try (Stream<Path> entries = Files.list(folder)) {
      long sets = entries.filter(Files::isDirectory).count();
      return Finding.ok(
          "data sets",
          "%d in %s, which 'fullrank data list --data %s' checks".formatted(sets, folder, folder));
    } catch (IOException unreadable) {
      return Finding.bad(
          "data sets", folder + " cannot be read", "give this user the right to read it");
    }
  }

  /**
   * Returns whether a server answers.
   *
   * @throws BadInputException if the options cannot be used
   */
  static Finding server(MetricsOptions server) throws InterruptedException {
    try {
      int runs = server.query(client -> client.listRuns("")).size();
      return Finding.ok(SERVER, "the metrics service answers, and knows %d runs".formatted(runs));
    } catch (ExecutionFailedException silent) {
      return Finding.bad(
          SERVER, silent.getMessage(), "see whether it runs, and --server and --metrics-port");
    }
  }
}
