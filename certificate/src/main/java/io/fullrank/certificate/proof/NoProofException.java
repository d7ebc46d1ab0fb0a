package io.fullrank.certificate.proof;

import io.fullrank.certificate.result.Outcome;

/** A matrix for which no proof can be made; the message is one line that says why. */
public final class NoProofException extends RuntimeException {

  private final Outcome outcome;

  NoProofException(Outcome outcome, String reason) {
    super(reason);
    this.outcome = outcome;
  }

  /** Returns REFUTED if the matrix is not of full row rank, and UNDETERMINED otherwise. */
  public Outcome outcome() {
    return outcome;
  }
}
