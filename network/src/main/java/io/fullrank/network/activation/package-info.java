/** Activation functions with their derivatives, and their passes over matrices. */
package io.fullrank.network.activation;
