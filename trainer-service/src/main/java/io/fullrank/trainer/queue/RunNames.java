package io.fullrank.trainer.queue;

import io.fullrank.proto.v1.Variant;
import java.util.Locale;

/** What runs are called. */
public final class RunNames {

  private RunNames() {}

  /** Returns the name of an experiment's run of a variant and seed. */
  public static String of(String experiment, Variant variant, long seed) {
    return "%s.%s.%s".formatted(experiment, label(variant), Long.toUnsignedString(seed));
  }

  private static String label(Variant variant) {
    return variant.name().substring("VARIANT_".length()).toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
