package io.fullrank.network.experiment;

import java.util.Comparator;
import java.util.List;

/** Hints for misspelt words. */
final class Spelling {

  private Spelling() {}

  /** "; did you mean 'x'?" for the nearest known word, else "; known are …". */
  static String hint(String word, List<String> known) {
    String nearest =
        known.stream().min(Comparator.comparingInt(other -> distance(word, other))).orElseThrow();
    // A third of the letters wrong is still the same word; more is another one.
    return distance(word, nearest) <= Math.max(1, nearest.length() / 3)
        ? "; did you mean '" + nearest + "'?"
        : "; known are " + String.join(", ", known);
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
