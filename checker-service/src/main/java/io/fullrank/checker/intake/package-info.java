/**
 * From records to whole snapshots: what was received of each partition, what waits, and what is
 * superseded.
 */
package io.fullrank.checker.intake;
