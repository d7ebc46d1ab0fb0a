package io.fullrank.certificate.result;

/** A certification was stopped by its {@link Cancellation}, without a result. */
public final class CertificationCancelledException extends RuntimeException {

  public CertificationCancelledException() {
    super("the certification was cancelled before it came to a result");
  }
}
