/**
 * The Jacobian of a network's outputs in the parameters of some of its layers, by factors, with the
 * gradients of the loss that go with it.
 */
package io.fullrank.network.jacobian;
