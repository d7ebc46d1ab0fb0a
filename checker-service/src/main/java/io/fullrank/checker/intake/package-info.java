/**
 * From records to whole snapshots: what is held of each partition, what waits, and what is
 * superseded.
 */
package io.fullrank.checker.intake;
