package io.fullrank.certificate.proof;

import io.fullrank.certificate.arithmetic.PrimeField;
import io.fullrank.certificate.file.InvalidMatrixFileException;
import io.fullrank.certificate.file.StoredRows;
import io.fullrank.certificate.matrix.RowTiles;
import io.fullrank.certificate.matrix.Rows;
import io.fullrank.certificate.result.Cancellation;
import io.fullrank.certificate.result.CertificationCancelledException;
import io.fullrank.certificate.result.NonFiniteEntryException;
import io.fullrank.certificate.result.Progress;
import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Verifies proofs of full row rank in O(n²) operations, reading proof and matrix twice each, once
 * for their SHA-256.
 *
 * <p>Let A be the residues modulo p of the n rows in the order of the proof, and of its n columns;
 * T the block diagonal matrix of the T_k, C the block strictly lower and U = I + V the block unit
 * upper triangular matrix of the proof. If
 *
 * <pre>
 *   T·A = (I + T·C)·U  modulo p,
 * </pre>
 *
 * then det(T)·det(A) = 1, since both factors on the right have determinant 1: so a minor of order n
 * is not divisible by p, hence not 0, and the rank is n (theory, section 5). The identity is
 * checked at vectors x: with w = U·x, whether T_k·((A·x)_k − Σ_j C_kj·w_j) = w_k for every panel k.
 * If it is false, a row of the difference of its sides is not 0, and at most one value of some
 * component of x makes that row's product 0, whatever the others are: with components drawn as 64
 * bits modulo p, this has probability at most 1/p + 2^-64. The vectors are drawn from the system's
 * entropy when proof and matrix are given, so nobody who made them knows them. There are as many as
 * it takes to bring the probability that a false identity passes below 10^-30.
 */
public final class ProofVerifier {

  /** A wrong proof is accepted with at most this probability. */
  public static final double MAX_ERROR = 1e-30;

  /** p to the number of vectors is at least 2 to this; 2^-100 is 7.9e-31. */
  private static final int ERROR_BITS = 100;

  private static final int SHA256_BYTES = 32;
  private static final int BUFFER_BYTES = 1 << 20;
  private static final int TILE_ROWS = 16;

  private final int threads;
  private final SecureRandom random = new SecureRandom();

  /**
   * Verifies proofs.
   *
   * @param threads the largest number of threads to use
   */
  public ProofVerifier(int threads) {
    this.threads = threads;
  }

  /**
   * What is proven.
   *
   * @param matrix the matrix that has full row rank
   * @param prime a minor is not divisible by it
   * @param vectors how many random vectors agreed
   */
  public record Verified(MatrixIdentity matrix, int prime, int vectors) {}

  /**
   * Verifies that a proof proves that the matrix has full row rank.
   *
   * @param proof the file
   * @param matrix (input) the matrix, of which the proof says whether a column of ones follows;
   *     both files must not change meanwhile
   * @param progress is told how far each stage has come
   * @param cancellation is asked between blocks of work
   * @throws RefusedProofException if it does not, or cannot be read
   * @throws InvalidMatrixFileException if the matrix cannot be read
   * @throws NonFiniteEntryException if an entry is NaN or infinite
   * @throws CertificationCancelledException if cancelled
   */
  public Verified verify(
      Path proof, StoredRows matrix, Progress progress, Cancellation cancellation) {
    try (InputStream in = new BufferedInputStream(Files.newInputStream(proof))) {
      requireUndamaged(proof);
      byte[] text = header(in);
      ProofHeader header = ProofHeader.parse(text);
      long n = header.rows();
      requireSize(
          Files.size(proof),
          text.length + 2 * Integer.BYTES * n + n * n * header.residueBytes() + SHA256_BYTES);
      requireSame(header.matrix(), matrix);
      Check check = new Check(header, new DataInputStream(in), progress, cancellation);
      matrix.withOnes(header.matrix().ones()).read(check::multiply);
      check.factors();
      return new Verified(header.matrix(), header.prime(), check.vectors);
    } catch (NoSuchFileException absent) {
      throw new RefusedProofException("no such file", absent);
    } catch (EOFException shorter) {
      throw new RefusedProofException("became shorter while it was read", shorter);
    } catch (IOException unreadable) {
      throw new RefusedProofException("cannot be read: " + unreadable.getMessage(), unreadable);
    }
  }

  /** Compares the SHA-256 at the end, so that damage is called by its name. */
  private static void requireUndamaged(Path proof) throws IOException {
    byte[] first = (ProofHeader.FIRST_LINE + "\n").getBytes(StandardCharsets.US_ASCII);
    MessageDigest digest = ProofWriter.sha256();
    long left = Files.size(proof) - SHA256_BYTES;
    try (InputStream in = Files.newInputStream(proof)) {
      byte[] begin = in.readNBytes(first.length);
      if (!Arrays.equals(begin, first)) {
        throw new RefusedProofException(
            "is not a proof: its first line is not '%s'".formatted(ProofHeader.FIRST_LINE));
      }
      digest.update(begin);
      byte[] buffer = new byte[BUFFER_BYTES];
      left -= first.length;
      while (left > 0) {
        int count = in.readNBytes(buffer, 0, (int) Math.min(left, buffer.length));
        if (count == 0) {
          throw new EOFException();
        }
        digest.update(buffer, 0, count);
        left -= count;
      }
      if (left < 0 || !MessageDigest.isEqual(digest.digest(), in.readNBytes(SHA256_BYTES))) {
        throw new RefusedProofException(
            "is damaged or not complete: its last 32 bytes are not the SHA-256 of those before");
      }
    }
  }

  private static byte[] header(InputStream in) throws IOException {
    ByteArrayOutputStream text = new ByteArrayOutputStream();
    int previous = 0;
    for (int next = in.read(); next >= 0 && text.size() < ProofHeader.MAX_BYTES; next = in.read()) {
      text.write(next);
      if (next == '\n' && previous == '\n') {
        break;
      }
      previous = next;
    }
    return text.toByteArray();
  }

  private static void requireSize(long actual, long expected) {
    if (actual != expected) {
      throw new RefusedProofException(
          "%s: it has %d bytes instead of %d"
              .formatted(
                  actual < expected ? "is truncated" : "has trailing bytes", actual, expected));
    }
  }

  private static void requireSame(MatrixIdentity proven, StoredRows matrix) {
    if (proven.rows() != matrix.rows()
        || proven.columns() != matrix.storedColumns()
        || !proven.type().equals(matrix.type())) {
      throw new RefusedProofException(
          "is about another matrix, %d x %d of %s instead of %d x %d of %s"
              .formatted(
                  proven.rows(),
                  proven.columns(),
                  proven.type(),
                  matrix.rows(),
                  matrix.storedColumns(),
                  matrix.type()));
    }
    String sha256 = MatrixIdentity.of(matrix).sha256();
    if (!proven.sha256().equals(sha256)) {
      throw new RefusedProofException(
          "is about another matrix, of SHA-256 %s instead of %s"
              .formatted(proven.sha256(), sha256));
    }
  }

  /** Returns the least number of vectors with p^vectors ≥ 2^100. */
  static int vectors(int prime) {
    BigInteger p = BigInteger.valueOf(prime);
    int vectors = 1;
    while (p.pow(vectors).bitLength() <= ERROR_BITS) {
      vectors++;
    }
    return vectors;
  }

  /** The way to one result. Vectors are arrays of residues, one array for each. */
  private final class Check {
    private final ProofHeader header;
    private final DataInputStream in;
    private final Progress progress;
    private final Cancellation cancellation;
    private final PrimeField field;
    private final int n;
    private final int vectors;
    private final int[] rows;
    private final int[] columns;

    /** In the order of the proof's columns. */
    private final double[][] x;

    /** A·x, in the order of the matrix's rows. */
    private final double[][] ax;

    /** U·x of the panels that have been read. */
    private final double[][] w;

    Check(ProofHeader header, DataInputStream in, Progress progress, Cancellation cancellation)
        throws IOException {
      this.header = header;
      this.in = in;
      this.progress = progress;
      this.cancellation = cancellation;
      this.field = new PrimeField(header.prime());
      this.n = header.rows();
      this.vectors = vectors(header.prime());
      this.rows = order("rows", n);
      this.columns = order("columns", header.matrix().allColumns());
      this.x = new double[vectors][];
      Arrays.setAll(x, v -> draw());
      this.ax = new double[vectors][n];
      this.w = new double[vectors][n];
    }

    private int[] order(String name, long end) throws IOException {
      ByteBuffer bytes = read(n * Integer.BYTES);
      boolean[] seen = new boolean[Math.toIntExact(end)];
      int[] order = new int[n];
      for (int i = 0; i < n; i++) {
        order[i] = bytes.getInt();
        if (order[i] < 0 || order[i] >= end || seen[order[i]]) {
          throw new RefusedProofException(
              "names among its %s %s, which is too large or there already"
                  .formatted(name, Integer.toUnsignedString(order[i])));
        }
        seen[order[i]] = true;
      }
      return order;
    }

    private ByteBuffer read(int count) throws IOException {
      byte[] bytes = new byte[count];
      in.readFully(bytes);
      return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    private double[] draw() {
      byte[] bytes = new byte[n * Long.BYTES];
      random.nextBytes(bytes);
      ByteBuffer words = ByteBuffer.wrap(bytes);
      double[] drawn = new double[n];
      for (int j = 0; j < n; j++) {
        drawn[j] = Long.remainderUnsigned(words.getLong(), header.prime());
      }
      field.reduce(drawn, n);
      return drawn;
    }

    /** Multiplies the matrix, in the proof's columns, by the vectors. */
    void multiply(Rows matrix) {
      int c = Math.toIntExact(matrix.columns());
      AtomicInteger done = new AtomicInteger();
      RowTiles.forEach(
          threads,
          n,
          TILE_ROWS,
          (part, from, to) -> {
            double[] row = new double[c];
            double[] inOrder = new double[n];
            for (int i = from; i < to; i++) {
              cancellation.check();
              matrix.getRow(i, 0, row, 0, c);
              for (int j = 0; j < c; j++) {
                if (!Double.isFinite(row[j])) {
                  throw new NonFiniteEntryException(i, j, row[j]);
                }
              }
              field.map(row, c);
              for (int j = 0; j < n; j++) {
                inOrder[j] = row[columns[j]];
              }
              for (int v = 0; v < vectors; v++) {
                ax[v][i] = dot(inOrder, 0, x[v], 0, n);
              }
            }
            progress.report("matrix", done.addAndGet(to - from), n);
          });
    }

    /** Reads the factors panel by panel, and checks the identity. */
    void factors() throws IOException {
      int from = 0;
      for (int size : header.panels()) {
        cancellation.check();
        panel(from, read(size * n * header.residueBytes()), size);
        from += size;
        progress.report("factors", from, n);
      }
    }

    private void panel(int from, ByteBuffer bytes, int size) {
      int to = from + size;
      double[][] t = new double[size][];
      double[][] right = new double[vectors][size];
      RowTiles.forEach(
          threads,
          size,
          TILE_ROWS,
          (part, first, end) -> {
            double[] row = new double[n];
            for (int i = first; i < end; i++) {
              residues(bytes, i, row);
              t[i] = Arrays.copyOfRange(row, from, to);
              for (int v = 0; v < vectors; v++) {
                w[v][from + i] = field.reduce(x[v][from + i] + dot(row, to, x[v], to, n - to));
                right[v][i] = field.reduce(ax[v][rows[from + i]] - dot(row, 0, w[v], 0, from));
              }
            }
          });
      for (int i = 0; i < size; i++) {
        for (int v = 0; v < vectors; v++) {
          if (field.reduce(dot(t[i], 0, right[v], 0, size) - w[v][from + i]) != 0) {
            throw new RefusedProofException(
                "is wrong: its factors are not those of the matrix modulo " + header.prime());
          }
        }
      }
    }

    private void residues(ByteBuffer panel, int row, double[] into) {
      int width = header.residueBytes();
      for (int j = 0; j < n; j++) {
        int at = (row * n + j) * width;
        int residue = width == 1 ? panel.get(at) & 0xff : panel.getInt(at);
        if (residue < 0 || residue >= header.prime()) {
          throw new RefusedProofException(
              "holds %s where only residues modulo %d may be"
                  .formatted(Integer.toUnsignedString(residue), header.prime()));
        }
        into[j] = residue;
      }
      field.reduce(into, n);
    }

    /** Returns a residue of the sum of the products of residues. */
    private double dot(double[] a, int aFrom, double[] b, int bFrom, int length) {
      double sum = 0;
      for (int from = 0; from < length; from += PrimeField.MAX_PRODUCTS) {
        int to = Math.min(length, from + PrimeField.MAX_PRODUCTS);
        // Four sums do not wait for each other; they are exact in any order.
        double s0 = 0;
        double s1 = 0;
        double s2 = 0;
        double s3 = 0;
        int j = from;
        for (; j + 3 < to; j += 4) {
          s0 += a[aFrom + j] * b[bFrom + j];
          s1 += a[aFrom + j + 1] * b[bFrom + j + 1];
          s2 += a[aFrom + j + 2] * b[bFrom + j + 2];
          s3 += a[aFrom + j + 3] * b[bFrom + j + 3];
        }
        for (; j < to; j++) {
          s0 += a[aFrom + j] * b[bFrom + j];
        }
        sum += field.reduce(s0 + s1 + (s2 + s3));
      }
      return field.reduce(sum);
    }
  }
}
