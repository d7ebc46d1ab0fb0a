/**
 * Checks that watch a network without certifying its features: {@code collapse}, {@code margins}
 * and {@code gradient-descent}.
 */
package io.fullrank.checker.monitor;
