package io.fullrank.certificate.proof;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * The text at the beginning of a proof, as {@code docs/proofs.md} has it: one line for each value,
 * in this order, and an empty line.
 *
 * @param matrix which matrix the proof is about
 * @param prime p, the modulus of the factors
 * @param panels the number of rows of each panel, n in all
 */
record ProofHeader(MatrixIdentity matrix, int prime, List<Integer> panels) {

  /** The largest n; with it, a panel and sums of n products of residues have known bounds. */
  static final int MAX_ROWS = 1 << 18;

  static final int MAX_PANEL_ROWS = 1 << 10;

  /** No header is longer than this. */
  static final int MAX_BYTES = 2 << 20;

  static final String FIRST_LINE = "fullrank proof 1";
  private static final int LEAST_PRIME = 11;
  private static final int PRIMES_END = 1 << 22;

  /** Returns the number of bytes of a residue. */
  int residueBytes() {
    return prime < 256 ? 1 : Integer.BYTES;
  }

  int rows() {
    return Math.toIntExact(matrix.rows());
  }

  byte[] bytes() {
    String sizes = panels.stream().map(String::valueOf).collect(Collectors.joining(" "));
    return String.join(
            "\n",
            FIRST_LINE,
            "sha256 " + matrix.sha256(),
            "type " + matrix.type(),
            "rows " + matrix.rows(),
            "columns " + matrix.columns(),
            "ones " + (matrix.ones() ? 1 : 0),
            "prime " + prime,
            "panels " + sizes,
            "",
            "")
        .getBytes(StandardCharsets.US_ASCII);
  }

  /**
   * Reads a header.
   *
   * @param bytes all of it, with the empty line
   * @throws RefusedProofException if it is none
   */
  static ProofHeader parse(byte[] bytes) {
    String text = new String(bytes, StandardCharsets.US_ASCII);
    String[] lines = text.split("\n", -1);
    if (lines.length != 10) {
      throw new RefusedProofException("has a header of the wrong number of lines");
    }
    ProofHeader header =
        new ProofHeader(
            new MatrixIdentity(
                value(lines[1], "sha256"),
                value(lines[2], "type"),
                number(lines[3], "rows"),
                number(lines[4], "columns"),
                number(lines[5], "ones") == 1),
            number(lines[6], "prime"),
            numbers(value(lines[7], "panels"), "panels"));
    if (!Arrays.equals(header.bytes(), bytes)) {
      throw new RefusedProofException("has a header that is not written as the format demands");
    }
    header.check();
    return header;
  }

  private void check() {
    long sum = 0;
    for (int rows : panels) {
      if (rows < 1 || rows > MAX_PANEL_ROWS) {
        throw new RefusedProofException("has a panel of " + rows + " rows, not 1 to 1024");
      }
      sum += rows;
    }
    if (matrix.rows() < 1 || matrix.rows() > MAX_ROWS || sum != matrix.rows()) {
      throw new RefusedProofException(
          "has panels of " + sum + " rows for a matrix of " + matrix.rows());
    }
    if (matrix.allColumns() < matrix.rows()) {
      throw new RefusedProofException("has fewer columns than rows");
    }
    if (prime < LEAST_PRIME || prime >= PRIMES_END || !isPrime(prime)) {
      throw new RefusedProofException(
          "has the modulus " + prime + ", which is not a prime from 11 to 2^22");
    }
  }

  private static boolean isPrime(int number) {
    return IntStream.iterate(2, d -> d * d <= number, d -> d + 1).noneMatch(d -> number % d == 0);
  }

  private static String value(String line, String key) {
    if (!line.startsWith(key + " ")) {
      throw new RefusedProofException("has no '" + key + "' where its header should have it");
    }
    return line.substring(key.length() + 1);
  }

  private static int number(String line, String key) {
    return numbers(value(line, key), key).get(0);
  }

  private static List<Integer> numbers(String text, String key) {
    List<Integer> numbers = new ArrayList<>();
    try {
      for (String each : text.split(" ", -1)) {
        numbers.add(Integer.parseInt(each));
      }
    } catch (NumberFormatException invalid) {
      throw new RefusedProofException("has '" + key + "' that are not numbers", invalid);
    }
    return List.copyOf(numbers);
  }
}
