/**
 * Proofs by floating point with all rounding errors bounded: verified Cholesky (R06), its bounds on
 * the smallest singular value, and the spectrum.
 */
package io.fullrank.certificate.cholesky;
