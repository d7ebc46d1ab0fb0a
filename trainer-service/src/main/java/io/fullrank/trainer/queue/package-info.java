/** Accepted runs in Kafka: how they are written, and which of them this trainer owns. */
package io.fullrank.trainer.queue;
