package io.fullrank.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.TreeSet;
import java.util.stream.Collectors;

/**
 * A committed list of names that programs and people outside rely on, in docs/public.
 *
 * @param file one name a line, sorted
 */
record PublicList(Path file) {

  private static final Path FOLDER = Path.of("../docs/public");

  static PublicList of(String name) {
    return new PublicList(FOLDER.resolve(name));
  }

  /**
   * Fails with the names that are listed and no longer there, and with those that are there and not
   * listed. With {@code -Dfullrank.public.renew=true} the list is written anew instead.
   */
  void requireEqualTo(Collection<String> names) throws IOException {
    TreeSet<String> current = new TreeSet<>(names);
    if (Boolean.getBoolean("fullrank.public.renew")) {
      Files.writeString(
          file, current.stream().map(name -> name + "\n").collect(Collectors.joining()));
    }
    TreeSet<String> gone = new TreeSet<>(Files.readAllLines(file));
    TreeSet<String> added = new TreeSet<>(current);
    added.removeAll(gone);
    gone.removeAll(current);
    assertThat(gone)
        .as(
            "names of docs/public/%s that are no longer there, which breaks those who use them (see"
                + " docs/public.md); where that is meant, run the test with"
                + " -Dfullrank.public.renew=true",
            file.getFileName())
        .isEmpty();
    assertThat(added)
        .as(
            "public names that docs/public/%s does not list; run the test with"
                + " -Dfullrank.public.renew=true",
            file.getFileName())
        .isEmpty();
  }
}
