/**
 * What the structure of a matrix alone decides: its shape, zero rows, equal rows, entries that are
 * not finite.
 */
package io.fullrank.certificate.structure;
