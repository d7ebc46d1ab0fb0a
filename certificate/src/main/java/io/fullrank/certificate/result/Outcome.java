package io.fullrank.certificate.result;

/** What a certificate says about the question "does this matrix have full row rank?". */
public enum Outcome {
  /** It does; proven. */
  CERTIFIED,
  /** It does not; {@link Certificate#falseRefutationProbability} says how sure that is. */
  REFUTED,
  /** Neither could be shown; {@link Certificate#reason} says why and what would settle it. */
  UNDETERMINED
}
