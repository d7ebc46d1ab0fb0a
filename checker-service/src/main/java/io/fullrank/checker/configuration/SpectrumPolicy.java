package io.fullrank.checker.configuration;

/** Which features a checker computes the singular values of. */
public enum SpectrumPolicy {
  /** The features at the switch, where they decide about phase 2. */
  WITNESS,
  /** No features. */
  NEVER
}
