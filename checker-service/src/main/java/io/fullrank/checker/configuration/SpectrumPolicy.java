package io.fullrank.checker.configuration;

/** Of which features a checker looks at the singular values. */
public enum SpectrumPolicy {
  /** Of those at the switch, where they decide about phase 2. */
  WITNESS,
  /** Of none. */
  NEVER
}
