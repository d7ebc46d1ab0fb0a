/**
 * Matrices of floats and the parameters of a network, with the products on them and the threads
 * they run on.
 */
package io.fullrank.network.tensor;
