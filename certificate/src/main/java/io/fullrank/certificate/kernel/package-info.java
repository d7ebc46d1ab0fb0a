/**
 * Certificates of a network's Jacobian, which is given by factors and has too many columns to be
 * formed: Gram matrices, the rank modulo primes, and what follows for gradients.
 */
package io.fullrank.certificate.kernel;
