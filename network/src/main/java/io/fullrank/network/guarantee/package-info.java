/**
 * What is proven of phase 2: the convex problem of the output layer, bounds of its solvers, and the
 * minimum-norm interpolant.
 */
package io.fullrank.network.guarantee;
