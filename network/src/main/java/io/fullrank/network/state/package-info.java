/**
 * The state of a run while it trains: parameters, optimiser, mini-batches and their order, and the
 * checkpoint of it all.
 */
package io.fullrank.network.state;
