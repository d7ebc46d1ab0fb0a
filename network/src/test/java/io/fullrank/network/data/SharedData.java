package io.fullrank.network.data;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;

/** Real data sets beside the project, where they are present. */
public final class SharedData {

  private SharedData() {}

  /** The data directory; tests that need it are skipped without it. */
  public static Path directory() {
    Path directory = Path.of(System.getProperty("fullrank.shared.data", "../../shared/data"));
    assumeTrue(Files.isDirectory(directory), "no real data at " + directory);
    return directory;
  }
}
