package io.fullrank.certificate.proof;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.fullrank.certificate.backend.openblas.OpenBlas;
import io.fullrank.certificate.file.NpyFile;
import io.fullrank.certificate.file.StoredRows;
import io.fullrank.certificate.proof.ProofVerifier.Verified;
import io.fullrank.certificate.result.Cancellation;
import io.fullrank.certificate.result.NonFiniteEntryException;
import io.fullrank.certificate.result.Outcome;
import io.fullrank.certificate.result.Progress;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.function.DoubleUnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Proofs that files of matrices have full row rank, and files that prove nothing. */
class ProofTest {

  private static final int SHA256_BYTES = 32;

  @TempDir private Path folder;

  private final SplittableRandom random = new SplittableRandom(11);

  @Test
  void proofOfEveryShapeIsVerified() throws IOException {
    for (int[] shape :
        new int[][] {{1, 1}, {3, 3}, {40, 41}, {130, 400}, {600, 601}, {1200, 1300}}) {
      Path matrix = gaussian(shape[0], shape[1]);
      for (boolean ones : new boolean[] {false, true}) {
        Path proof = prove(matrix, ones);
        Verified verified = verify(proof, matrix, ones);
        assertThat(verified.matrix().rows()).isEqualTo(shape[0]);
        assertThat(verified.matrix().allColumns()).isEqualTo(shape[1] + (ones ? 1 : 0));
        assertThat(verified.prime()).isEqualTo(251);
        assertThat(verified.vectors()).isEqualTo(13);
      }
    }
  }

  /** The last of them was made with NumPy, by a prover of {@code python/tests}. */
  @Test
  void proofsThatWereMadeBeforeAreVerified() {
    Path examples = Path.of("src/test/resources/io/fullrank/certificate/proof");
    for (String name : List.of("features", "large-prime", "numpy")) {
      Path matrix = examples.resolve(name + ".npy");
      Verified verified = verify(examples.resolve(name + ".proof"), matrix, false);
      assertThat(verified.matrix().sha256()).isEqualTo(sha256(matrix));
    }
  }

  @Test
  void numbersOfAllMagnitudesAreTakenExactly() throws IOException {
    double[][] rows = rows(30, 33, i -> (random.nextDouble() - 0.5));
    for (double[] row : rows) {
      double scale = Math.scalb(1.0, random.nextInt(-1060, 900));
      for (int j = 0; j < row.length; j++) {
        row[j] *= scale;
      }
    }
    Path matrix = npy(rows);
    assertThat(verify(prove(matrix, false), matrix, false).prime()).isEqualTo(251);
  }

  @Test
  void determinantDivisibleByAllPrimesOfByteTakesLargerOne() throws IOException {
    double[][] rows = new double[5][5];
    for (int i = 0; i < 5; i++) {
      rows[i][i] = 1;
    }
    rows[2][2] = 251.0 * 241;
    Path matrix = npy(rows);

    Verified verified = verify(prove(matrix, false), matrix, false);

    assertThat(verified.prime()).isBetween(1 << 21, 1 << 22);
    assertThat(verified.vectors()).isEqualTo(5);
  }

  /** Which leads both eliminations to columns beyond the first n. */
  @Test
  void firstColumnsMayDepend() throws IOException {
    double[][] rows = rows(600, 1500, i -> random.nextInt(-9, 10));
    for (double[] row : rows) {
      for (int j = 50; j < 860; j++) {
        row[j] = row[j % 50];
      }
    }
    Path matrix = npy(rows);
    assertThat(verify(prove(matrix, false), matrix, false).prime()).isEqualTo(241);

    for (int j = 0; j < rows[0].length; j++) {
      rows[0][j] *= 251 * 241;
    }
    Path divisible = npy(rows);
    assertThat(verify(prove(divisible, false), divisible, false).prime()).isGreaterThan(1 << 21);
  }

  @Test
  void enoughVectorsForEveryPrime() {
    for (int prime : new int[] {11, 127, 241, 251, 2097169, 4194301}) {
      double error = Math.pow(1.0 / prime + 0x1p-64, ProofVerifier.vectors(prime));
      assertThat(error).isLessThan(ProofVerifier.MAX_ERROR);
    }
  }

  @Test
  void dependentRowsHaveNoProof() throws IOException {
    double[][] rows = rows(20, 30, i -> random.nextInt(-9, 10));
    for (int j = 0; j < 30; j++) {
      rows[7][j] = rows[3][j] + rows[12][j];
    }
    assertThatThrownBy(() -> prove(npy(rows), false))
        .isInstanceOfSatisfying(
            NoProofException.class,
            none -> assertThat(none.outcome()).isEqualTo(Outcome.UNDETERMINED))
        .hasMessageContaining("linearly dependent modulo");
    rows[4] = rows[9];
    assertThatThrownBy(() -> prove(npy(rows), true))
        .isInstanceOfSatisfying(
            NoProofException.class, none -> assertThat(none.outcome()).isEqualTo(Outcome.REFUTED))
        .hasMessage("rows 4 and 9 are identical");
  }

  @Test
  void entriesThatAreNotFiniteHaveNoProof() throws IOException {
    double[][] rows = rows(4, 5, i -> random.nextDouble());
    Path good = npy(rows);
    Path proof = prove(good, true);
    rows[2][3] = Double.NaN;
    Path bad = npy(rows);
    assertThatThrownBy(() -> prove(bad, true)).isInstanceOf(NonFiniteEntryException.class);
    // Also if the proof says that it is about this matrix.
    Path lie = reseal(replaced(proof, sha256(good), sha256(bad)));
    assertThatThrownBy(() -> verify(lie, bad, true)).isInstanceOf(NonFiniteEntryException.class);
  }

  @Test
  void proofOfAnotherMatrixIsRefused() throws IOException {
    double[][] rows = rows(20, 25, i -> random.nextDouble());
    Path matrix = npy(rows);
    Path proof = prove(matrix, true);
    rows[19][0] = Math.nextUp(rows[19][0]);
    Path neighbour = npy(rows);

    assertThatThrownBy(() -> verify(proof, neighbour, true))
        .isInstanceOf(RefusedProofException.class)
        .hasMessageStartingWith("is about another matrix, of SHA-256 ");
    assertThatThrownBy(() -> verify(proof, gaussian(20, 24), true))
        .hasMessage("is about another matrix, 20 x 25 of F64 instead of 20 x 24 of F64");
    // Its factors do not fit either, whatever the proof says.
    Path lie = reseal(replaced(proof, sha256(matrix), sha256(neighbour)));
    assertThatThrownBy(() -> verify(lie, neighbour, true))
        .hasMessage("is wrong: its factors are not those of the matrix modulo 251");
  }

  /** A prover who knows all of this cannot prove of dependent rows that they are independent. */
  @Test
  void factorsOfMatrixCloseToSingularOneProveNothingOfIt() throws IOException {
    double[][] rows = rows(40, 40, i -> random.nextInt(-9, 10));
    Path regular = npy(rows);
    Path proof = prove(regular, false);
    for (int j = 0; j < 40; j++) {
      rows[39][j] = rows[0][j] - rows[1][j];
    }
    Path singular = npy(rows);
    Path lie = reseal(replaced(proof, sha256(regular), sha256(singular)));
    assertThatThrownBy(() -> verify(lie, singular, false))
        .hasMessage("is wrong: its factors are not those of the matrix modulo 251");
    // T = 0 and C, V = 0: nothing is claimed of the matrix then, and w = x is not 0.
    byte[] bytes = Files.readAllBytes(lie);
    Arrays.fill(
        bytes, bytes.length - SHA256_BYTES - 40 * 40, bytes.length - SHA256_BYTES, (byte) 0);
    assertThatThrownBy(() -> verify(reseal(bytes), singular, false))
        .hasMessage("is wrong: its factors are not those of the matrix modulo 251");
  }

  @Test
  void everyChangedByteIsRefusedAlsoWhereTheDigestIsMadeAnew() throws IOException {
    Path matrix = npy(rows(12, 14, i -> random.nextDouble()));
    Path proof = prove(matrix, true);
    byte[] bytes = Files.readAllBytes(proof);
    for (int i = 0; i < bytes.length; i++) {
      byte[] changed = bytes.clone();
      changed[i] ^= (byte) (1 + random.nextInt(255));
      Path damaged = Files.write(folder.resolve("damaged"), changed);
      assertThatThrownBy(() -> verify(damaged, matrix, true))
          .as("byte %d", i)
          .isInstanceOf(RefusedProofException.class)
          .message()
          .doesNotContain("\n");
      if (i < bytes.length - SHA256_BYTES) {
        Path lie = reseal(changed);
        assertThatThrownBy(() -> verify(lie, matrix, true))
            .as("byte %d, sealed anew", i)
            .isInstanceOf(RefusedProofException.class);
      }
    }
  }

  @Test
  void filesThatAreNoProofsAreRefused() throws IOException {
    Path matrix = npy(rows(12, 14, i -> random.nextDouble()));
    byte[] bytes = Files.readAllBytes(prove(matrix, true));
    Path file = folder.resolve("file");
    assertThatThrownBy(() -> verify(folder.resolve("none"), matrix, true))
        .hasMessage("no such file");
    for (int length = 0; length < bytes.length; length += 7) {
      Files.write(file, Arrays.copyOf(bytes, length));
      assertThatThrownBy(() -> verify(file, matrix, true))
          .isInstanceOf(RefusedProofException.class);
    }
    Files.write(file, Arrays.copyOf(bytes, bytes.length + 1));
    assertThatThrownBy(() -> verify(file, matrix, true)).isInstanceOf(RefusedProofException.class);
    String header = new String(bytes, StandardCharsets.ISO_8859_1);
    for (String[] change :
        new String[][] {
          {"prime 251", "prime 255"},
          {"prime 251", "prime 2"},
          {"prime 251", "prime 4194319"},
          {"prime 251", "prime 0251"},
          {"panels 12", "panels 13"},
          {"panels 12", "panels 12 0"},
          {"panels 12", "panels 6 6"},
          {"rows 12", "rows 11"},
          {"rows 12", "rows -12"},
          {"rows 12", "rows 99999999999"},
          {"ones 1", "ones 2"},
          {"type F64", "type F32"},
          {"type F64", "note F64"}
        }) {
      String changed = header.replace(change[0], change[1]);
      Path lie = reseal(changed.getBytes(StandardCharsets.ISO_8859_1));
      assertThatThrownBy(() -> verify(lie, matrix, true))
          .as(change[1])
          .isInstanceOf(RefusedProofException.class);
    }
  }

  private Path gaussian(int rows, int columns) throws IOException {
    return npy(rows(rows, columns, i -> (float) random.nextGaussian()));
  }

  private static double[][] rows(int rows, int columns, DoubleUnaryOperator entry) {
    double[][] matrix = new double[rows][columns];
    for (double[] row : matrix) {
      Arrays.setAll(row, entry::applyAsDouble);
    }
    return matrix;
  }

  private Path npy(double[][] rows) throws IOException {
    String header =
        String.format(
            Locale.ROOT,
            "{'descr': '<f8', 'fortran_order': False, 'shape': (%d, %d), }",
            rows.length,
            rows[0].length);
    String padded = header + " ".repeat(127 - 10 - header.length()) + "\n";
    ByteBuffer bytes =
        ByteBuffer.allocate(128 + rows.length * rows[0].length * Double.BYTES)
            .order(ByteOrder.LITTLE_ENDIAN);
    bytes.put((byte) 0x93).put("NUMPY\1\0".getBytes(StandardCharsets.US_ASCII));
    bytes.putShort((short) padded.length()).put(padded.getBytes(StandardCharsets.US_ASCII));
    for (double[] row : rows) {
      for (double entry : row) {
        bytes.putDouble(entry);
      }
    }
    return Files.write(Files.createTempFile(folder, "matrix", ".npy"), bytes.array());
  }

  private Path prove(Path matrix, boolean ones) throws IOException {
    Path proof = Files.createTempFile(folder, "matrix", ".proof");
    try (StoredRows rows = NpyFile.open(matrix, ones);
        OutputStream out = Files.newOutputStream(proof)) {
      new RankProver(new OpenBlas(1)).prove(rows, out, Progress.NONE, Cancellation.NEVER);
    }
    return proof;
  }

  private static Verified verify(Path proof, Path matrix, boolean ones) {
    try (StoredRows rows = NpyFile.open(matrix, ones)) {
      return new ProofVerifier(2).verify(proof, rows, Progress.NONE, Cancellation.NEVER);
    }
  }

  private static String sha256(Path matrix) {
    try (StoredRows rows = NpyFile.open(matrix, false)) {
      return MatrixIdentity.of(rows).sha256();
    }
  }

  private static byte[] replaced(Path proof, String text, String replacement) throws IOException {
    return new String(Files.readAllBytes(proof), StandardCharsets.ISO_8859_1)
        .replace(text, replacement)
        .getBytes(StandardCharsets.ISO_8859_1);
  }

  /** Writes a proof whose last bytes are the SHA-256 of the others again. */
  private Path reseal(byte[] proof) throws IOException {
    byte[] contents = Arrays.copyOf(proof, proof.length - SHA256_BYTES);
    byte[] digest = ProofWriter.sha256().digest(contents);
    byte[] sealed = Arrays.copyOf(contents, proof.length);
    System.arraycopy(digest, 0, sealed, contents.length, SHA256_BYTES);
    return Files.write(folder.resolve("lie"), sealed);
  }
}
