package io.fullrank.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CheckCommandTest {

  @TempDir Path folder;

  @Test
  void certifiesAMatrixOfFullRowRank() throws Exception {
    Path file = npy(new double[][] {{3, 0, 0}, {0, 4, 0}});

    CommandRun run = CommandRun.of("check", file.toString(), "--no-bias");

    assertThat(run.status()).isZero();
    assertThat(run.out()).contains("CERTIFIED").contains("2 × 3");
    assertThat(run.err()).isEmpty();
  }

  @Test
  void writesTheCertificateAsJson() throws Exception {
    Path file = npy(new double[][] {{3, 0, 0}, {0, 4, 0}});

    CommandRun run = CommandRun.of("check", file.toString(), "--no-bias", "--json");

    JsonNode certificate = new ObjectMapper().readTree(run.out());
    assertThat(certificate.get("outcome").asText()).isEqualTo("CERTIFIED");
    assertThat(certificate.get("method").asText()).isEqualTo("CHOLESKY");
    assertThat(certificate.get("rows").asLong()).isEqualTo(2);
    assertThat(certificate.get("columns").asLong()).isEqualTo(3);
    // The singular values are 3 and 4.
    assertThat(certificate.get("sigmaMinLowerBound").asDouble())
        .isPositive()
        .isLessThanOrEqualTo(3);
    assertThat(certificate.get("sigmaMaxUpperBound").asDouble()).isGreaterThanOrEqualTo(4);
    assertThat(certificate.get("falseRefutationProbability").isNull()).isTrue();
  }

  @Test
  void appendsTheColumnOfOnesUnlessToldNotTo() throws Exception {
    // Of rank 1 alone; with the column of ones of rank 2.
    Path file = npy(new double[][] {{1}, {2}});

    assertThat(CommandRun.of("check", file.toString()).status()).isZero();
    assertThat(CommandRun.of("check", file.toString(), "--no-bias").status()).isEqualTo(3);
  }

  @Test
  void refutesIdenticalRows() throws Exception {
    Path file = npy(new double[][] {{1, 2, 3}, {1, 2, 3}});

    CommandRun run = CommandRun.of("check", file.toString());

    assertThat(run.status()).isEqualTo(3);
    assertThat(run.out()).contains("REFUTED", "STRUCTURE");
  }

  @Test
  void leavesOpenWhatDoublePrecisionCannotSettle() throws Exception {
    Path file = npy(new double[][] {{1, 1}, {1, Math.nextUp(1.0)}});

    CommandRun run = CommandRun.of("check", file.toString(), "--no-bias");

    assertThat(run.status()).isEqualTo(4);
    assertThat(run.out()).contains("UNDETERMINED");
  }

  @Test
  void refusesWhatIsNoMatrixInOneLine() throws Exception {
    Path text = Files.writeString(folder.resolve("features.txt"), "1 2 3");
    Path infinite = npy(new double[][] {{1, Double.POSITIVE_INFINITY}});

    for (Path file : new Path[] {text, infinite, folder, folder.resolve("nowhere.npy")}) {
      CommandRun run = CommandRun.of("check", file.toString());

      assertThat(run.status()).isEqualTo(2);
      assertThat(run.out()).isEmpty();
      assertThat(run.err().lines()).hasSize(1);
      assertThat(run.err()).startsWith("fullrank: " + file);
    }
  }

  /** Writes format version 1.0 with 8-byte little-endian numbers in C order. */
  private Path npy(double[][] rows) throws IOException {
    String header =
        "{'descr': '<f8', 'fortran_order': False, 'shape': (%d, %d), }"
            .formatted(rows.length, rows[0].length);
    // Magic, version, length and header fill a multiple of 64 bytes; the last one ends the line.
    header += " ".repeat(63 - (10 + header.length()) % 64) + "\n";
    ByteBuffer bytes =
        ByteBuffer.allocate(10 + header.length() + rows.length * rows[0].length * Double.BYTES)
            .order(ByteOrder.LITTLE_ENDIAN)
            .put((byte) 0x93)
            .put("NUMPY".getBytes(StandardCharsets.US_ASCII))
            .put((byte) 1)
            .put((byte) 0)
            .putShort((short) header.length())
            .put(header.getBytes(StandardCharsets.US_ASCII));
    for (double[] row : rows) {
      for (double entry : row) {
        bytes.putDouble(entry);
      }
    }
    return Files.write(Files.createTempFile(folder, "matrix", ".npy"), bytes.array());
  }
}
