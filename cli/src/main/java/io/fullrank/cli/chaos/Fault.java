package io.fullrank.cli.chaos;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Random;
import java.util.Set;

/**
 * A fault that is brought about while the stack works.
 *
 * @param target the name of a process
 * @param lasts how long; zero of what happens at once
 * @param next how long after its beginning the next fault begins
 */
record Fault(Kind kind, String target, Duration lasts, Duration next) {

  /** What happens to the target. */
  enum Kind {
    /** SIGKILL; it is started again at once. */
    KILL(false),
    /** SIGSTOP, and SIGCONT later. */
    STOP(true),
    /** SIGKILL of the broker, which is started again later. */
    AWAY(true),
    /** Its connections to the broker end, and new ones are refused. */
    CUT(true),
    /** All that goes to and from the broker comes late. */
    SLOW(true),
    /**
     * Chunks of snapshots that Kafka has are sent again, in another order, and a program outside
     * reports a run to both trainers.
     */
    RESEND(false),
    /** The disk of its folder is full, to the last page. */
    FULL(true),
    /** Its clock goes ahead, and back again later. */
    AHEAD(true),
    /** Its clock goes back, and ahead again later. */
    BACK(true);

    private final boolean lasts;

    Kind(boolean lasts) {
      this.lasts = lasts;
    }
  }

  private static final long SHORTEST_MILLIS = 5000;
  private static final long LEAST_PAUSE_MILLIS = 500;

  /**
   * Returns faults that follow from a seed alone. They come in rounds, each of which has every kind
   * once.
   *
   * @param longest how long one lasts at most; at least 5 s
   * @param kinds those that can be brought about
   */
  static List<Fault> sequence(long seed, int count, Duration longest, Set<Kind> kinds) {
    Random random = new Random(seed);
    List<Fault> faults = new ArrayList<>();
    List<Kind> round = new ArrayList<>();
    while (faults.size() < count) {
      if (round.isEmpty()) {
        round.addAll(EnumSet.copyOf(kinds));
        Collections.shuffle(round, random);
      }
      Kind kind = round.remove(round.size() - 1);
      faults.add(
          new Fault(
              kind,
              target(kind, random),
              kind.lasts ? between(SHORTEST_MILLIS, longest.toMillis(), random) : Duration.ZERO,
              between(LEAST_PAUSE_MILLIS, longest.toMillis() / 3, random)));
    }
    return faults;
  }

  private static String target(Kind kind, Random random) {
    List<String> targets =
        switch (kind) {
          case KILL, STOP, AHEAD, BACK -> StackUnderTest.PROCESSES;
          case AWAY, RESEND -> List.of(StackUnderTest.BROKER);
          case CUT, SLOW -> StackUnderTest.SERVICES;
          case FULL -> StackUnderTest.WITH_FOLDER;
        };
    return targets.get(random.nextInt(targets.size()));
  }

  private static Duration between(long least, long most, Random random) {
    return Duration.ofMillis(least + random.nextInt((int) (Math.max(least, most) - least + 1)));
  }
}
