package io.fullrank.cli.command;

import static org.assertj.core.api.Assertions.assertThat;

import io.fullrank.cli.CommandRun;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code fullrank prove} and {@code fullrank verify} on files. */
class ProveCommandTest {

  @TempDir Path folder;

  private Path proof;

  @BeforeEach
  void nameTheProof() {
    proof = folder.resolve("matrix.proof");
  }

  @Test
  void aProofIsMadeAndVerified() throws Exception {
    Path matrix =
        npy("matrix.npy", new double[][] {{1, 2, 3}, {4, 5, 6}, {7, 8, 10}, {0, 0, 0x1p-900}});

    CommandRun made = CommandRun.of("prove", matrix.toString(), "--out", proof.toString());
    assertThat(made.err()).isEmpty();
    assertThat(made.status()).isZero();
    assertThat(made.out())
        .isEqualTo("%s proves the full row rank of %s%n".formatted(proof, matrix));

    CommandRun verified = CommandRun.of("verify", proof.toString(), matrix.toString());
    assertThat(verified.status()).isZero();
    assertThat(verified.out().lines().toList())
        .hasSize(3)
        .startsWith(
            "VERIFIED  the 4 rows of the 4 x 4 matrix (with a column of ones) are linearly"
                + " independent");
    assertThat(verified.out()).contains("13 random vectors modulo 251").contains("below 1e-30");
  }

  @Test
  void withoutTheColumnOfOnesItIsNotOfFullRank() throws Exception {
    Path matrix = npy("matrix.npy", new double[][] {{1, 2}, {3, 4}, {5, 6}});

    CommandRun run =
        CommandRun.of("prove", matrix.toString(), "--no-bias", "--out", proof.toString());

    assertThat(run.status()).isEqualTo(3);
    assertThat(run.err())
        .isEqualTo(
            "fullrank: %s: no proof: a matrix of 2 columns cannot have rank 3, one per row%n"
                .formatted(matrix));
    assertThat(folder).isDirectoryNotContaining(path -> !path.equals(matrix));
  }

  @Test
  void aProofOfAnotherMatrixAndADamagedOneAreRefusedInOneLine() throws Exception {
    Path matrix = npy("matrix.npy", new double[][] {{1, 2}, {3, 5}});
    Path other = npy("other.npy", new double[][] {{1, 2}, {3, 7}});
    assertThat(CommandRun.of("prove", matrix.toString(), "--out", proof.toString()).status())
        .isZero();

    CommandRun elsewhere = CommandRun.of("verify", proof.toString(), other.toString());
    assertThat(elsewhere.status()).isEqualTo(2);
    assertThat(elsewhere.out()).isEmpty();
    assertThat(elsewhere.err().lines().toList()).hasSize(1);
    assertThat(elsewhere.err())
        .startsWith("fullrank: %s: refused: is about another matrix".formatted(proof));

    byte[] bytes = Files.readAllBytes(proof);
    bytes[bytes.length - 34] ^= 1;
    Files.write(proof, bytes);
    CommandRun damaged = CommandRun.of("verify", proof.toString(), matrix.toString());
    assertThat(damaged.status()).isEqualTo(2);
    assertThat(damaged.err())
        .isEqualTo(
            "fullrank: %s: refused: is damaged or not complete: its last 32 bytes are not the SHA-256 of those before%n"
                .formatted(proof));
  }

  @Test
  void theMatrixIsNeverOverwrittenByItsProof() throws Exception {
    Path matrix = npy("matrix.npy", new double[][] {{1, 2}, {3, 5}});
    byte[] before = Files.readAllBytes(matrix);

    CommandRun run = CommandRun.of("prove", matrix.toString(), "--out", matrix.toString());

    assertThat(run.status()).isEqualTo(2);
    assertThat(run.err()).endsWith(": is the matrix itself%n".formatted());
    assertThat(matrix).hasBinaryContent(before);
  }

  @Test
  void filesThatCannotBeUsedAreNamed() throws Exception {
    Path matrix = npy("matrix.npy", new double[][] {{1, 2}, {3, 5}});
    Path nowhere = folder.resolve("no").resolve("where");

    CommandRun out = CommandRun.of("prove", matrix.toString(), "--out", nowhere.toString());
    assertThat(out.status()).isEqualTo(2);
    assertThat(out.err()).startsWith("fullrank: --out " + nowhere);
    CommandRun none = CommandRun.of("verify", nowhere.toString(), matrix.toString());
    assertThat(none.status()).isEqualTo(2);
    assertThat(none.err()).isEqualTo("fullrank: %s: refused: no such file%n".formatted(nowhere));
    CommandRun step = CommandRun.of("prove", "run", "--step", "1", "--no-bias", "--out", "x");
    assertThat(step.status()).isEqualTo(2);
    assertThat(step.err()).contains("--no-bias and --tensor are for files, --step is for runs");
  }

  private Path npy(String name, double[][] rows) throws IOException {
    String header =
        "{'descr': '<f8', 'fortran_order': False, 'shape': (%d, %d), }\n"
            .formatted(rows.length, rows[0].length);
    ByteBuffer bytes =
        ByteBuffer.allocate(10 + header.length() + 8 * rows.length * rows[0].length)
            .order(ByteOrder.LITTLE_ENDIAN);
    bytes.put((byte) 0x93).put("NUMPY\1\0".getBytes(StandardCharsets.ISO_8859_1));
    bytes.putShort((short) header.length()).put(header.getBytes(StandardCharsets.US_ASCII));
    for (double[] row : rows) {
      for (double entry : row) {
        bytes.putDouble(entry);
      }
    }
    return Files.write(folder.resolve(name), bytes.array());
  }
}
