/** A single-node Kafka broker for laptops and tests. */
package io.fullrank.kafka;
