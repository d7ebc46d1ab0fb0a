package io.fullrank.metrics.store;

import io.fullrank.certificate.result.Outcome;

/** A sample for {@code WallsTest}: the metrics service must not know certificates. */
public record UseOfAForeignRoom(Outcome outcome) {}
