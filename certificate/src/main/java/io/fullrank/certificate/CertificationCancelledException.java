package io.fullrank.certificate;

/** A certification was stopped by its {@link Cancellation}, without a result. */
public final class CertificationCancelledException extends RuntimeException {

  CertificationCancelledException() {
    super("the certification was cancelled before it came to a result");
  }
}
