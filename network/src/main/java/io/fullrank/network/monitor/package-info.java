/**
 * What is watched of a network while it trains: collapse of its representations, and the quantities
 * of theories of gradient descent and of generalisation.
 */
package io.fullrank.network.monitor;
