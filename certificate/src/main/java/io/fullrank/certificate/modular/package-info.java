/**
 * Proofs by exact arithmetic: the rank modulo primes (DGP08), and refutation with a stated error
 * probability.
 */
package io.fullrank.certificate.modular;
