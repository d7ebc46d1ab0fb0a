package io.fullrank.metrics;

import io.fullrank.certificate.Outcome;

/** A sample for {@code LayeringTest}: the metrics service must not know the certificate module. */
public record LayeringViolation(Outcome outcome) {}
