package io.fullrank.network.tensor;

import java.util.List;
import java.util.function.Supplier;
import java.util.stream.Stream;

/**
 * Work on the parts of something long, by all processors at once.
 *
 * <p>Where the cuts are depends on the length alone, never on how many threads there are or which
 * of them works on what: sums that are added up part by part have the same bits everywhere.
 */
public final class Parts {

  /** Parts at most. */
  public static final int MOST = 8;

  /** The process has one crew, since there is one set of processors. */
  private static final Crew CREW =
      new Crew(Math.min(MOST, Runtime.getRuntime().availableProcessors()) - 1);

  private Parts() {}

  /** What is done with one part. */
  @FunctionalInterface
  public interface Work {
    /**
     * Works on one part.
     *
     * @param part its number, counted from 0
     * @param first the first element
     * @param end one after the last
     */
    void on(int part, int first, int end);
  }

  /**
   * Returns how many parts there are: at most {@link #MOST}, and each long enough to be worth a
   * thread.
   *
   * @param length number of elements
   * @param least elements that a part has at least, unless it is the only one
   */
  public static int count(int length, int least) {
    return Math.max(1, Math.min(MOST, length / least));
  }

  /**
   * Works on all parts and waits for them.
   *
   * @param length number of elements
   * @param least elements that a part has at least, unless it is the only one
   */
  public static void forEach(int length, int least, Work work) {
    int count = count(length, least);
    if (count == 1) {
      work.on(0, 0, length);
      return;
    }
    CREW.forEach(
        count, part -> work.on(part, cut(length, part, count), cut(length, part + 1, count)));
  }

  private static int cut(int length, int part, int count) {
    return (int) ((long) length * part / count);
  }

  /** Returns working memory for each part. */
  public static <T> List<T> memory(Supplier<T> each) {
    return Stream.generate(each).limit(MOST).toList();
  }
}
