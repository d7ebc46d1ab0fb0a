/** Arithmetic that proofs rest on: directed rounding of bounds, and prime fields. */
package io.fullrank.certificate.arithmetic;
