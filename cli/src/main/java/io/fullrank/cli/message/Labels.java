package io.fullrank.cli.message;

import java.util.Locale;

/** The words that people and files have for the constants of the wire contract's enums. */
public final class Labels {

  private Labels() {}

  /** Returns a constant without its prefix: {@code RUN_STATE_FINISHED} is {@code FINISHED}. */
  public static String constant(Enum<?> value, String prefix) {
    String name = value.name();
    return name.startsWith(prefix) ? name.substring(prefix.length()) : name;
  }

  /** Returns a constant as a lower-case word: {@code VARIANT_TWO_PHASE} is {@code two-phase}. */
  public static String word(Enum<?> value, String prefix) {
    return constant(value, prefix).toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
