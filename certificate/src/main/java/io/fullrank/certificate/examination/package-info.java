/**
 * A matrix under examination: what every method of proof is given, and what the structure alone
 * decides: shape, zero rows, equal rows, entries that are not finite.
 */
package io.fullrank.certificate.examination;
