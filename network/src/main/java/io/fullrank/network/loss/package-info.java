/**
 * Losses with their gradients and the rounding errors of both, and what an evaluation of a network
 * yields.
 */
package io.fullrank.network.loss;
