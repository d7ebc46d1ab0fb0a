/** Matrices in memory: doubles outside the heap, blocks of them, and loops over tiles of rows. */
package io.fullrank.certificate.matrix;
