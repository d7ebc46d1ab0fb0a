package io.fullrank.network.data;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
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

  /** The Semeion file byte by byte as its authors published it, out of the copy that is here. */
  static String semeionAsPublished() throws IOException {
    StringBuilder published = new StringBuilder();
    for (String line : Files.readAllLines(directory().resolve("semeion/semeion.data"))) {
      String[] columns = line.trim().split(" ");
      for (int i = 0; i < columns.length; i++) {
        published.append(columns[i]).append(i < 256 ? ".0000 " : " ");
      }
      published.append("\r\n");
    }
    return published.toString();
  }
}
