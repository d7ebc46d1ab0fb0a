/**
 * What heavy linear algebra a proof needs, whoever computes it: Gram matrices, residues modulo a
 * prime, products.
 */
package io.fullrank.certificate.backend;
