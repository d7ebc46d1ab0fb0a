/** Proofs of full row rank as files, which a third party verifies without trusting Fullrank. */
package io.fullrank.certificate.proof;
