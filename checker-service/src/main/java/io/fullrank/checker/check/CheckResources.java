package io.fullrank.checker.check;

import io.fullrank.certificate.backend.DenseLinearAlgebra;

/**
 * What a checker lends to its checks.
 *
 * @param algebra does the heavy work
 * @param threads the largest number of threads to use
 * @param keptBytes memory for what a check keeps from one snapshot to the next
 * @param leastFraction how much of a kept bound has to be left for it to be used, in [0, 1]
 * @param witnessSpectra whether the spectrum of a witness's features is looked at
 */
public record CheckResources(
    DenseLinearAlgebra algebra,
    int threads,
    long keptBytes,
    double leastFraction,
    boolean witnessSpectra) {}
