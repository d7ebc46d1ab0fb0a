package io.fullrank.network.loss;

/**
 * A bound on a rounding error: |computed − exact| ≤ absolute + relative·|exact|, in the Euclidean
 * norm for vectors.
 *
 * @param absolute the part that does not depend on the result
 * @param relative the part that grows with the result
 */
public record RoundingBound(double absolute, double relative) {}
