package io.fullrank.certificate.proof;

import static org.assertj.core.api.Assertions.assertThat;

import io.fullrank.certificate.backend.openblas.OpenBlas;
import io.fullrank.certificate.file.NpyFile;
import io.fullrank.certificate.file.StoredRows;
import io.fullrank.certificate.result.Cancellation;
import io.fullrank.certificate.result.Progress;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Proofs of many matrices are verified; none is after a change, also where the SHA-256 at the end
 * is that of the changed bytes, as a dishonest prover would have it.
 */
class ProofMutationTest {

  private static final int SHA256_BYTES = 32;

  @TempDir Path folder;

  @Test
  void everyMutationIsRefused() throws IOException {
    Campaign campaign = new Campaign(folder, 1);
    for (int i = 0; i < 15; i++) {
      campaign.matrix(i, 40);
    }
    assertThat(campaign.failures).isEmpty();
    assertThat(campaign.verified).isEqualTo(15);
    assertThat(campaign.refused).isEqualTo(600);
  }

  /** The long form, whose files {@code docs/benchmarks/proofs.py} verifies again with NumPy. */
  static final class Program {
    private Program() {}

    /** Takes a folder, the number of matrices, and that of mutations of each proof. */
    public static void main(String[] args) throws IOException {
      Campaign campaign = new Campaign(Files.createDirectories(Path.of(args[0])), 2);
      for (int i = 0; i < Integer.parseInt(args[1]); i++) {
        campaign.matrix(i, Integer.parseInt(args[2]));
      }
      System.out.println(
          "%d proofs verified, %d mutations refused, wrong: %s"
              .formatted(campaign.verified, campaign.refused, campaign.failures));
    }
  }

  private static final class Campaign {
    private final Path folder;
    private final SplittableRandom random;
    private final StringBuilder failures = new StringBuilder();
    private int verified;
    private int refused;

    Campaign(Path folder, long seed) {
      this.folder = folder;
      this.random = new SplittableRandom(seed);
    }

    /** Proves one matrix, verifies the proof, and has mutations of it refused. */
    void matrix(int number, int mutations) throws IOException {
      int n = random.nextInt(number % 20 == 0 ? 200 : 5, number % 20 == 0 ? 300 : 80);
      double[][] rows = rows(n, n + random.nextInt(n), number);
      boolean wide = number % 3 != 0;
      Path matrix = npy(number + ".npy", rows, wide);
      rows[random.nextInt(n)] = random.doubles(rows[0].length).toArray();
      Path other = npy(number + ".other.npy", rows, wide);
      boolean ones = random.nextBoolean();
      Path proof = folder.resolve(number + ".proof");
      try (StoredRows stored = NpyFile.open(matrix, ones);
          OutputStream out = Files.newOutputStream(proof)) {
        new RankProver(new OpenBlas(1)).prove(stored, out, Progress.NONE, Cancellation.NEVER);
      }
      if (isVerified(proof, matrix)) {
        verified++;
      } else {
        failures.append(proof).append(" refused; ");
      }
      byte[] bytes = Files.readAllBytes(proof);
      for (int k = 0; k < mutations; k++) {
        boolean elsewhere = k % 10 == 9;
        Path mutant = folder.resolve(number + "-" + k + (elsewhere ? ".other" : ".mutant"));
        Files.write(mutant, elsewhere ? renamed(bytes, matrix, other) : mutation(bytes, k));
        if (isVerified(mutant, elsewhere ? other : matrix)) {
          failures.append(mutant).append(" verified; ");
        } else {
          refused++;
        }
      }
    }

    private static boolean isVerified(Path proof, Path matrix) {
      try (StoredRows rows = NpyFile.open(matrix, false)) {
        new ProofVerifier(1).verify(proof, rows, Progress.NONE, Cancellation.NEVER);
        return true;
      } catch (RefusedProofException refused) {
        return false;
      }
    }

    private double[][] rows(int n, int c, int number) {
      double[][] rows = new double[n][c];
      for (double[] row : rows) {
        double scale =
            number % 3 == 0
                ? Math.scalb(1.0, random.nextInt(-30, 30))
                : Math.scalb(1.0, random.nextInt(-1060, 1000));
        for (int j = 0; j < c; j++) {
          row[j] =
              switch (number % 5) {
                case 0 -> (float) random.nextDouble();
                case 1 -> random.nextInt(-1000, 1000);
                case 2 -> Math.log1p(Math.exp(4 * random.nextDouble() - 2));
                case 3 -> (random.nextDouble() - 0.5) * scale;
                // All minors of order n are divisible by the primes of a byte that are tried.
                default -> random.nextInt(-1000, 1000) * (row == rows[0] ? 251.0 * 241 : 1);
              };
        }
      }
      return rows;
    }

    /** Returns a proof that says it is about another matrix. */
    private static byte[] renamed(byte[] proof, Path matrix, Path other) {
      String text = new String(proof, StandardCharsets.ISO_8859_1);
      return sealed(
          text.replace(sha256(matrix), sha256(other)).getBytes(StandardCharsets.ISO_8859_1));
    }

    private byte[] mutation(byte[] proof, int kind) {
      byte[] changed = proof.clone();
      String text = new String(proof, StandardCharsets.ISO_8859_1);
      int header = text.indexOf("\n\n") + 2;
      int prime = text.indexOf("prime ");
      int contents = proof.length - SHA256_BYTES;
      int inBody = random.nextInt(header, contents);
      while (Arrays.equals(changed, proof)) {
        switch (kind % 10) {
          case 0 -> changed[random.nextInt(proof.length)] ^= (byte) random.nextInt(1, 256);
          case 1, 2 -> changed[random.nextInt(header, contents)] += (byte) random.nextInt(1, 256);
          case 3 -> changed[random.nextInt(header, contents)] += 1;
          case 4 -> {
            int place = random.nextInt(header);
            // Whether there is a column of ones: if it has no pivot, both are proven.
            if (place != prime - 2) {
              changed[place] = (byte) random.nextInt(256);
            }
          }
          case 5 -> {
            int place = random.nextInt(header, contents);
            changed[inBody] = proof[place];
            changed[place] = proof[inBody];
          }
          case 6 -> {
            int to = Math.min(contents, inBody + random.nextInt(1, 1000));
            Arrays.fill(changed, inBody, to, (byte) random.nextInt(2));
          }
          case 7 -> changed = Arrays.copyOf(proof, random.nextInt(header, proof.length));
          default -> {
            // Another prime or panel.
            int place = random.nextInt(prime, header);
            if (Character.isDigit(proof[place])) {
              changed[place] = (byte) ('0' + random.nextInt(10));
            }
          }
        }
      }
      return kind % 10 == 0 || changed.length <= SHA256_BYTES ? changed : sealed(changed);
    }

    private static byte[] sealed(byte[] proof) {
      byte[] contents = Arrays.copyOf(proof, proof.length - SHA256_BYTES);
      byte[] sealed = Arrays.copyOf(contents, proof.length);
      byte[] digest = ProofWriter.sha256().digest(contents);
      System.arraycopy(digest, 0, sealed, contents.length, SHA256_BYTES);
      return sealed;
    }

    private static String sha256(Path matrix) {
      try (StoredRows rows = NpyFile.open(matrix, false)) {
        return MatrixIdentity.of(rows).sha256();
      }
    }

    private Path npy(String name, double[][] rows, boolean wide) throws IOException {
      String header =
          "{'descr': '%s', 'fortran_order': False, 'shape': (%d, %d), }\n"
              .formatted(wide ? ">f8" : "<f4", rows.length, rows[0].length);
      ByteBuffer bytes =
          ByteBuffer.allocate(10 + header.length() + (wide ? 8 : 4) * rows.length * rows[0].length);
      bytes.put((byte) 0x93).put("NUMPY\1\0".getBytes(StandardCharsets.ISO_8859_1));
      bytes.order(ByteOrder.LITTLE_ENDIAN).putShort((short) header.length());
      bytes.put(header.getBytes(StandardCharsets.US_ASCII));
      bytes.order(wide ? ByteOrder.BIG_ENDIAN : ByteOrder.LITTLE_ENDIAN);
      for (double[] row : rows) {
        for (double entry : row) {
          if (wide) {
            bytes.putDouble(entry);
          } else {
            bytes.putFloat((float) entry);
          }
        }
      }
      return Files.write(folder.resolve(name), bytes.array());
    }
  }
}
