package io.fullrank.network.description;

import java.util.List;
import java.util.Optional;

/**
 * A parameter of a choice.
 *
 * @param key its key in experiment files; with underscores in place of hyphens, the name of its
 *     field in the specification
 * @param range of a number, or of each number of a list; null for anything else
 * @param size how many items a list may have; null for anything else
 * @param parts the parameters of each item of a list of mappings
 * @param words the words that it may be
 * @param byDefault its value if a file leaves it out, a {@code Long}, {@code Double}, {@code
 *     Boolean}, {@code String} or an empty list; empty if a file must have it
 * @param unit of numbers, or what the items of a list are; may be empty
 * @param sentence what it means, for documentation in Markdown
 */
public record Parameter(
    String key,
    Kind kind,
    Range range,
    Range size,
    List<Parameter> parts,
    List<String> words,
    Optional<Object> byDefault,
    String unit,
    String sentence) {

  /** What a parameter looks like in an experiment file. */
  public enum Kind {
    COUNT,
    NUMBER,
    FLAG,
    WORD,
    COUNTS,
    TEXTS,
    MAPPINGS,
    ACTIVATION
  }

  public static Parameter count(String key, Range range, String unit, String sentence) {
    return of(key, Kind.COUNT, range, unit, sentence);
  }

  public static Parameter number(String key, Range range, String sentence) {
    return of(key, Kind.NUMBER, range, "", sentence);
  }

  public static Parameter flag(String key, String sentence) {
    return of(key, Kind.FLAG, null, "", sentence).byDefault(false);
  }

  /** One of some words, by default the first. */
  public static Parameter word(String key, List<String> words, String sentence) {
    return new Parameter(
        key, Kind.WORD, null, null, List.of(), words, Optional.of(words.get(0)), "", sentence);
  }

  /** A list of whole numbers. */
  public static Parameter counts(
      String key, Range range, Range size, String unit, String sentence) {
    return new Parameter(
        key, Kind.COUNTS, range, size, List.of(), List.of(), Optional.empty(), unit, sentence);
  }

  /** A list of any words, by default none. */
  public static Parameter texts(String key, Range size, String unit, String sentence) {
    return new Parameter(
        key, Kind.TEXTS, null, size, List.of(), List.of(), Optional.of(List.of()), unit, sentence);
  }

  /** A list of mappings with these keys. */
  public static Parameter mappings(
      String key, List<Parameter> parts, Range size, String unit, String sentence) {
    return new Parameter(
        key, Kind.MAPPINGS, null, size, parts, List.of(), Optional.empty(), unit, sentence);
  }

  /** A parameter that is neither number nor list. */
  public static Parameter of(String key, Kind kind, String sentence) {
    return of(key, kind, null, "", sentence);
  }

  private static Parameter of(String key, Kind kind, Range range, String unit, String sentence) {
    return new Parameter(
        key, kind, range, null, List.of(), List.of(), Optional.empty(), unit, sentence);
  }

  public Parameter byDefault(boolean value) {
    return with(value);
  }

  public Parameter byDefault(long value) {
    return with(value);
  }

  public Parameter byDefault(double value) {
    return with(value);
  }

  private Parameter with(Object value) {
    return new Parameter(key, kind, range, size, parts, words, Optional.of(value), unit, sentence);
  }
}
