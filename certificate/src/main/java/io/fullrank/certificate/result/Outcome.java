package io.fullrank.certificate.result;

/** What a certificate says about the question "does this matrix have full row rank?". */
public enum Outcome {
  /** The matrix has full row rank; that is proven. */
  CERTIFIED,
  /**
   * The matrix does not have full row rank: that is proven, or has the error probability that
   * {@link Certificate#falseRefutationProbability} states.
   */
  REFUTED,
  /**
   * Neither could be shown; {@link Certificate#reason} says why, and what would settle the
   * question.
   */
  UNDETERMINED
}
