/** Proofs as files: made of matrices and of the snapshots of runs, and verified. */
package io.fullrank.cli.proof;
