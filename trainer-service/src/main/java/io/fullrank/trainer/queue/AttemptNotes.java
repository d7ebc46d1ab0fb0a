package io.fullrank.trainer.queue;

import java.util.Comparator;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * What is noted of the attempts to train runs of one partition, by the offsets of their requests.
 * It lies with the group's committed offset, as its metadata, so that it outlives every trainer:
 * one that dies while it trains leaves behind that it had begun. Not thread-safe.
 */
final class AttemptNotes {

  /**
   * What is noted of a run.
   *
   * @param deaths attempts in a row that died without having got further than the one before
   * @param step the step that the last attempt began at
   * @param begun whether a trainer trains it at present, or died while it did
   * @param attempt the number of the last attempt, which tells attempts apart; 0 if it is not known
   */
  record Note(int deaths, long step, boolean begun, long attempt) {

    /** Returns how many attempts have died, if the one that has begun has died, too. */
    int deathsIfDead() {
      return begun ? deaths + 1 : deaths;
    }

    /** Returns the note of an attempt that begins at a step; its number is higher than this one. */
    Note next(long at, long proposed) {
      long number = Math.max(proposed, attempt + 1);
      return at > step
          ? new Note(0, at, true, number)
          : new Note(deathsIfDead(), step, true, number);
    }
  }

  /** Kafka takes 4096 bytes of metadata; a note has at most 70. */
  private static final int MOST = 58;

  /** What was noted before attempts had numbers there has none. */
  private static final Pattern NOTE =
      Pattern.compile("(\\d{1,18}):(\\d{1,9}):(\\d{1,18}):([01])(?::(\\d{1,18}))?");

  private final TreeMap<Long, Note> notes = new TreeMap<>();

  /**
   * Reads notes from the metadata of an offset; what cannot be read, such as what others put there,
   * is no note.
   */
  static AttemptNotes of(String metadata) {
    AttemptNotes read = new AttemptNotes();
    Matcher note = NOTE.matcher(metadata);
    while (note.find()) {
      read.notes.put(
          Long.parseLong(note.group(1)),
          new Note(
              Integer.parseInt(note.group(2)),
              Long.parseLong(note.group(3)),
              note.group(4).equals("1"),
              Optional.ofNullable(note.group(5)).map(Long::parseLong).orElse(0L)));
    }
    return read;
  }

  /**
   * Returns the notes as metadata. If they are too many, those of the runs that have died most
   * often, and of these the latest ones.
   */
  String metadata() {
    return notes.entrySet().stream()
        .sorted(
            Comparator.<Map.Entry<Long, Note>>comparingInt(entry -> entry.getValue().deathsIfDead())
                .thenComparingLong(entry -> entry.getValue().attempt())
                .reversed())
        .limit(MOST)
        .map(entry -> text(entry.getKey(), entry.getValue()))
        .collect(Collectors.joining(";"));
  }

  private static String text(long offset, Note note) {
    return "%d:%d:%d:%d:%d"
        .formatted(offset, note.deaths(), note.step(), note.begun() ? 1 : 0, note.attempt());
  }

  /** Returns what is noted of a run. */
  Optional<Note> of(long offset) {
    return Optional.ofNullable(notes.get(offset));
  }

  /**
   * Notes that an attempt begins at a step.
   *
   * @param proposed its number, unless an attempt before has that one or a higher one
   */
  Note begin(long offset, long step, long proposed) {
    Note next =
        of(offset)
            .map(note -> note.next(step, proposed))
            .orElseGet(() -> new Note(0, step, true, proposed));
    notes.put(offset, next);
    return next;
  }

  /** Notes that no attempt is under way, because its trainer stopped it. */
  void stop(long offset) {
    notes.computeIfPresent(
        offset, (any, note) -> new Note(note.deaths(), note.step(), false, note.attempt()));
  }

  /** Forgets a run that has ended. */
  void forget(long offset) {
    notes.remove(offset);
  }
}
