package io.fullrank.certificate.proof;

/** A file that does not prove what it should; the message is one line without the file's name. */
public final class RefusedProofException extends RuntimeException {

  RefusedProofException(String reason) {
    super(reason);
  }

  RefusedProofException(String reason, Throwable cause) {
    super(reason, cause);
  }
}
