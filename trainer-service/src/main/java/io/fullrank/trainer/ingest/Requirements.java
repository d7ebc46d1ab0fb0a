package io.fullrank.trainer.ingest;

import io.grpc.Status;
import io.grpc.StatusException;

/** What is required of a client's messages. A refusal is one line that names the field. */
final class Requirements {

  /** Characters of a text for people, such as the name of a layer. */
  private static final int MAX_TEXT = 256;

  private Requirements() {}

  static void require(boolean holds, String problem) throws StatusException {
    if (!holds) {
      throw invalid(problem);
    }
  }

  static void requireText(String field, String text) throws StatusException {
    require(
        text.length() <= MAX_TEXT,
        "%s: %d characters, must be at most %d".formatted(field, text.length(), MAX_TEXT));
    require(
        text.chars().noneMatch(Character::isISOControl),
        "%s: has control characters, such as ends of lines, which it must not".formatted(field));
  }

  /** Requires that a limit is kept which the server's configuration sets. */
  static void requireAtMost(long limit, long asked, String subject, String unit, String key)
      throws StatusException {
    if (asked > limit) {
      throw Status.RESOURCE_EXHAUSTED
          .withDescription(
              "%s %d %s, at most %d are accepted; the server's %s sets the limit"
                  .formatted(subject, asked, unit, limit, key(key)))
          .asException();
    }
  }

  /** Returns the whole key of a setting. */
  static String key(String setting) {
    return "fullrank.trainer." + setting;
  }

  static StatusException invalid(String problem) {
    return Status.INVALID_ARGUMENT.withDescription(problem).asException();
  }
}
