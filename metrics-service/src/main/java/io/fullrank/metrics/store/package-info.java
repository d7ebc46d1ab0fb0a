/**
 * What is known of runs, in state stores: records folded into histories, progress by step, and the
 * ledger of checks.
 */
package io.fullrank.metrics.store;
