package io.fullrank.certificate.file;

import java.nio.file.Path;

/** A file that holds no usable matrix; the message is one line and names the file. */
public final class InvalidMatrixFileException extends RuntimeException {

  InvalidMatrixFileException(Path file, String reason) {
    super(file + ": " + reason);
  }

  InvalidMatrixFileException(Path file, String reason, Throwable cause) {
    super(file + ": " + reason, cause);
  }
}
