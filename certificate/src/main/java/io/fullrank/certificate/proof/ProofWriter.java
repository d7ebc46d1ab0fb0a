package io.fullrank.certificate.proof;

import io.fullrank.certificate.modular.ModularFactors;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.List;

/** Writes proofs, in the format of {@code docs/proofs.md}. */
final class ProofWriter {

  private ProofWriter() {}

  /**
   * Writes one proof.
   *
   * @param matrix which matrix it is about
   * @param factors (input) of that matrix
   */
  static void write(MatrixIdentity matrix, ModularFactors factors, OutputStream out)
      throws IOException {
    ProofHeader header = new ProofHeader(matrix, factors.modulus(), factors.panels());
    DigestOutputStream digested = new DigestOutputStream(out, sha256());
    digested.write(header.bytes());
    digested.write(order(factors.rows()));
    digested.write(order(factors.columns()));
    int n = header.rows();
    int[] row = new int[n];
    ByteBuffer bytes =
        ByteBuffer.allocate(n * header.residueBytes()).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < n; i++) {
      factors.reader().read(i, row);
      bytes.clear();
      for (int residue : row) {
        int least = residue < 0 ? residue + header.prime() : residue;
        if (header.residueBytes() == 1) {
          bytes.put((byte) least);
        } else {
          bytes.putInt(least);
        }
      }
      digested.write(bytes.array());
    }
    digested.on(false);
    digested.write(digested.getMessageDigest().digest());
    digested.flush();
  }

  private static byte[] order(List<Integer> numbers) {
    ByteBuffer bytes =
        ByteBuffer.allocate(numbers.size() * Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    numbers.forEach(bytes::putInt);
    return bytes.array();
  }

  static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }
}
