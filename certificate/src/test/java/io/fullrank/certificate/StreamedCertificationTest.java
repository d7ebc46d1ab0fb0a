package io.fullrank.certificate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.fullrank.certificate.backend.openblas.OpenBlas;
import io.fullrank.certificate.file.NpyFile;
import io.fullrank.certificate.file.StoredRows;
import io.fullrank.certificate.matrix.Rows;
import io.fullrank.certificate.result.Cancellation;
import io.fullrank.certificate.result.Certificate;
import io.fullrank.certificate.result.CertificateMethod;
import io.fullrank.certificate.result.CertificationCancelledException;
import io.fullrank.certificate.result.InsufficientMemoryException;
import io.fullrank.certificate.result.Outcome;
import io.fullrank.certificate.result.Progress;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StreamedCertificationTest {

  private static final int ROWS = 3000;
  private static final int COLUMNS = 5000;

  @TempDir private Path folder;

  private final StreamedCertification certification = new StreamedCertification(new OpenBlas(1));

  /** Certifies the file that it is given, and prints what it took of memory. */
  static final class Program {
    private Program() {}

    public static void main(String[] args) throws IOException {
      long before = kilobytes("RssAnon");
      StreamedCertification certification = new StreamedCertification(new OpenBlas(1));
      long[] peak = new long[1];
      try (StoredRows rows = NpyFile.open(Path.of(args[0]), true)) {
        Certificate certificate =
            certification.certify(
                rows,
                (stage, done, all) -> peak[0] = Math.max(peak[0], kilobytes("RssAnon")),
                Cancellation.NEVER);
        System.out.println(certificate.outcome() + " " + certificate.columns());
        System.out.println(peak[0] - before);
      }
    }

    private static long kilobytes(String name) {
      try {
        return Files.readAllLines(Path.of("/proc/self/status")).stream()
            .filter(line -> line.startsWith(name + ":"))
            .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")))
            .findFirst()
            .orElseThrow();
      } catch (IOException e) {
        throw new java.io.UncheckedIOException(e);
      }
    }
  }

  /**
   * 3000 x 5001: residues, panels, heap and libraries have some 80 MB, where the matrix in f64
   * alone has 120 MB.
   */
  @Test
  void aMatrixIsCertifiedFromItsFileWithoutBeingHeld() throws Exception {
    Path file = write("features.npy", ROWS, COLUMNS, false);
    Process program =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx24m",
                "-XX:+UseSerialGC",
                "-cp",
                System.getProperty("java.class.path"),
                Program.class.getName(),
                file.toString())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    List<String> lines =
        new String(program.getInputStream().readAllBytes(), StandardCharsets.UTF_8)
            .lines()
            .toList();
    assertThat(program.waitFor()).isZero();
    assertThat(lines.get(0)).isEqualTo("CERTIFIED " + (COLUMNS + 1));
    assertThat(Long.parseLong(lines.get(1))).isLessThan(110_000);
  }

  @Test
  void structureIsRefuted() throws IOException {
    try (StoredRows rows = NpyFile.open(write("wide.npy", 40, 30, false), false)) {
      Certificate certificate = certification.certify(rows, Progress.NONE, Cancellation.NEVER);
      assertThat(certificate.outcome()).isEqualTo(Outcome.REFUTED);
      assertThat(certificate.method()).isEqualTo(CertificateMethod.STRUCTURE);
    }
  }

  @Test
  void filesByColumnsAreCertifiedByTheirRows() throws IOException {
    try (StoredRows rows = NpyFile.open(write("fortran.npy", 300, 340, true), false)) {
      Certificate certificate = certification.certify(rows, Progress.NONE, Cancellation.NEVER);
      assertThat(certificate.outcome()).isEqualTo(Outcome.CERTIFIED);
      assertThat(certificate.rankLowerBound()).isEqualTo(300);
    }
  }

  @Test
  void isCancelledWhileRowsAreRead() throws IOException {
    try (StoredRows rows = NpyFile.open(write("long.npy", 500, 600, false), false)) {
      assertThatThrownBy(() -> certification.certify(rows, Progress.NONE, () -> true))
          .isInstanceOf(CertificationCancelledException.class);
    }
  }

  /** Nothing is read of a matrix whose residues do not fit. */
  @Test
  void memoryIsComputedBeforehand() {
    Rows huge =
        new Rows() {
          @Override
          public long rows() {
            return 10_000_000;
          }

          @Override
          public long columns() {
            return 10_000_001;
          }

          @Override
          public void getRow(long row, long fromColumn, double[] into, int offset, int length) {
            throw new AssertionError("row " + row + " was read");
          }
        };
    assertThat(certification.isNeededFor(huge)).isTrue();
    assertThatThrownBy(() -> certification.certify(huge, Progress.NONE, Cancellation.NEVER))
        .isInstanceOf(InsufficientMemoryException.class)
        .hasMessageContaining("the rank of 10000000 rows modulo a small prime needs 12");
  }

  private Path write(String name, int rows, int columns, boolean fortranOrder) throws IOException {
    String header =
        "{'descr': '<f4', 'fortran_order': "
            + (fortranOrder ? "True" : "False")
            + ", 'shape': ("
            + rows
            + ", "
            + columns
            + "), }";
    header = header + " ".repeat(117 - header.length()) + "\n";
    Path file = folder.resolve(name);
    SplittableRandom random = new SplittableRandom(rows);
    try (OutputStream stream = Files.newOutputStream(file);
        DataOutputStream out = new DataOutputStream(stream)) {
      out.write(new byte[] {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, 118, 0});
      out.write(header.getBytes(StandardCharsets.US_ASCII));
      ByteBuffer row = ByteBuffer.allocate(columns * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
      for (int i = 0; i < rows; i++) {
        row.clear();
        for (int j = 0; j < columns; j++) {
          row.putFloat((float) random.nextGaussian());
        }
        out.write(row.array());
      }
    }
    return file;
  }
}
