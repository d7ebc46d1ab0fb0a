/** Matrices in memory: features as doubles outside the heap, blocks and tiles of their rows. */
package io.fullrank.certificate.matrix;
