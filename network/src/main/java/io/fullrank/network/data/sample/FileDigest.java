package io.fullrank.network.data.sample;

import com.google.common.hash.Hashing;
import com.google.common.io.MoreFiles;
import java.io.IOException;
import java.nio.file.Path;

/** SHA-256 of the files of data sets. */
public final class FileDigest {

  private FileDigest() {}

  /**
   * Returns the SHA-256 of a file's contents, as 64 hexadecimal digits in lower case.
   *
   * @throws DataSetException if it cannot be read
   */
  public static String sha256(Path file) {
    try {
      return MoreFiles.asByteSource(file).hash(Hashing.sha256()).toString();
    } catch (IOException e) {
      throw new DataSetException("%s: cannot be read: %s".formatted(file, e.getMessage()), e);
    }
  }
}
