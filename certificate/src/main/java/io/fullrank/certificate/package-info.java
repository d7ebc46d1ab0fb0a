/**
 * Proofs that a given matrix of floating-point numbers has full row rank.
 *
 * <p>{@link io.fullrank.certificate.RankCertification} is where to start: it turns a {@link
 * io.fullrank.certificate.matrix.Matrix} into a {@link io.fullrank.certificate.result.Certificate}.
 * The heavy work runs on a {@link io.fullrank.certificate.backend.DenseLinearAlgebra} backend.
 * Sources: KS21 (Kawaguchi and Sun, <i>A Recipe for Global Convergence Guarantee in Deep Neural
 * Networks</i>, AAAI 2021) for the condition; R06 (Rump, <i>Verification of positive
 * definiteness</i>, BIT 46, 2006) and DGP08 (Dumas, Giorgi and Pernet, <i>Dense linear algebra over
 * word-size prime fields: the FFLAS and FFPACK packages</i>, ACM TOMS 35(3), 2008) for the proofs.
 */
package io.fullrank.certificate;
