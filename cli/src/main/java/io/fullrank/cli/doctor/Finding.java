package io.fullrank.cli.doctor;

import java.util.Locale;
import java.util.Optional;

/**
 * What was found of one thing.
 *
 * @param subject what was looked at, such as {@code memory}
 * @param condition how it is
 * @param found what is there
 * @param advice what to do, unless all is well
 */
public record Finding(String subject, Condition condition, String found, Optional<String> advice) {

  /** How a thing is. */
  public enum Condition {
    /** As it should be. */
    OK,
    /** Fullrank works, but something is slower, smaller or not to be had. */
    NOTE,
    /** Something essential is missing. */
    BAD;

    @Override
    public String toString() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /** Returns that a thing is as it should be. */
  static Finding ok(String subject, String found) {
    return new Finding(subject, Condition.OK, found, Optional.empty());
  }

  /** Returns that a thing could be better, and how. */
  static Finding note(String subject, String found, String advice) {
    return new Finding(subject, Condition.NOTE, found, Optional.of(advice));
  }

  /** Returns that a thing is in the way, and what to do. */
  static Finding bad(String subject, String found, String advice) {
    return new Finding(subject, Condition.BAD, found, Optional.of(advice));
  }

  /** Returns what was found and what to do, in one line. */
  String sentence() {
    return found + advice.map(text -> "; " + text).orElse("");
  }
}
