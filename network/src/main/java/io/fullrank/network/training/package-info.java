/** The run of one variant and seed, from the first step to its result, and those that watch it. */
package io.fullrank.network.training;
