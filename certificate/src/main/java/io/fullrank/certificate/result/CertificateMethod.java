package io.fullrank.certificate.result;

/** How a certificate came about. */
public enum CertificateMethod {
  /** From the shape, a zero row or two identical rows. */
  STRUCTURE,
  /** From a Cholesky factorisation whose rounding errors are bounded (R06). */
  CHOLESKY,
  /** From the exact rank modulo random primes (DGP08). */
  MODULAR,
  /** From the distance to a matrix certified before (Weyl's inequality). */
  CARRY_OVER
}
