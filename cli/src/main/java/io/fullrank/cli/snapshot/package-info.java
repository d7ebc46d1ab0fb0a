/** Snapshots that Kafka still holds, and the networks that they are of. */
package io.fullrank.cli.snapshot;
