/**
 * Base algorithms, the two-phase algorithm A(base) over any of them, and the run of one variant and
 * seed.
 */
package io.fullrank.network.training;
