package io.fullrank.trainer.ingest;

import com.google.protobuf.ByteString;
import io.grpc.Status;
import io.grpc.StatusException;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;

/** The key whose holder alone may report into a run, as it is stored: its SHA-256. */
record RunKey(ByteString sha256) {

  private static final int MIN_BYTES = 16;
  private static final int MAX_BYTES = 64;

  /**
   * Returns what is stored of a key.
   *
   * @throws StatusException INVALID_ARGUMENT if the key is too short or too long
   */
  static RunKey of(ByteString key) throws StatusException {
    if (key.size() < MIN_BYTES || key.size() > MAX_BYTES) {
      throw Status.INVALID_ARGUMENT
          .withDescription(
              "run_key: %d bytes, must be %d to %d random ones"
                  .formatted(key.size(), MIN_BYTES, MAX_BYTES))
          .asException();
    }
    MessageDigest digest = digest();
    for (ByteBuffer part : key.asReadOnlyByteBufferList()) {
      digest.update(part);
    }
    return new RunKey(ByteString.copyFrom(digest.digest()));
  }

  static MessageDigest digest() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException everyJavaHasIt) {
      throw new IllegalStateException(everyJavaHasIt);
    }
  }

  /** Compares in a time that does not depend on where the two differ. */
  boolean matches(ByteString stored) {
    return MessageDigest.isEqual(sha256.toByteArray(), stored.toByteArray());
  }

  /** Returns the six hexadecimal digits that the identity of a new experiment ends with. */
  String suffix() {
    return "%02x%02x%02x".formatted(sha256.byteAt(0), sha256.byteAt(1), sha256.byteAt(2));
  }
}
