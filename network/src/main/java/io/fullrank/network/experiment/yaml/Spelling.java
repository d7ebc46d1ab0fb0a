package io.fullrank.network.experiment.yaml;

import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/** Hints for misspelt words. */
public final class Spelling {

  private Spelling() {}

  /** "; did you mean 'x'?" for the nearest known word, else "; known are …". */
  public static String hint(String word, List<String> known) {
    return nearest(word, known)
        .map(nearest -> "; did you mean '" + nearest + "'?")
        .orElseGet(() -> "; known are " + String.join(", ", known));
  }

  /** Returns the known word that was probably meant, if there is one. */
  public static Optional<String> nearest(String word, List<String> known) {
    return known.stream()
        .min(Comparator.comparingInt(other -> distance(word, other)))
        // A third of the letters wrong is still the same word; more is another one.
        .filter(nearest -> distance(word, nearest) <= Math.max(1, nearest.length() / 3));
  }

  /**
   * Levenshtein distance: insertions, deletions and replacements that turn one word into the other.
   */
  private static int distance(String from, String to) {
    int[] previous = new int[to.length() + 1];
    for (int j = 0; j <= to.length(); j++) {
      previous[j] = j;
    }
    for (int i = 1; i <= from.length(); i++) {
      int[] current = new int[to.length() + 1];
      current[0] = i;
      for (int j = 1; j <= to.length(); j++) {
        int replaced = previous[j - 1] + (from.charAt(i - 1) == to.charAt(j - 1) ? 0 : 1);
        current[j] = Math.min(replaced, 1 + Math.min(previous[j], current[j - 1]));
      }
      previous = current;
    }
    return previous[to.length()];
  }
}
