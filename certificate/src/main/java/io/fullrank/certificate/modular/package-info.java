/**
 * Proofs by exact arithmetic: the rank modulo primes (DGP08), and refutations, proven or with a
 * stated error probability.
 */
package io.fullrank.certificate.modular;
