/**
 * A matrix under examination: what every method of proof is given, what the structure alone decides
 * (shape, zero rows, equal rows, entries that are not finite), and what bounds of a matrix close to
 * it prove.
 */
package io.fullrank.certificate.examination;
