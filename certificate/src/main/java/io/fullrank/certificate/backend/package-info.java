/**
 * The heavy linear algebra that proofs need, as interfaces: Gram matrices, residues modulo a prime,
 * products.
 */
package io.fullrank.certificate.backend;
