/** A single-node Kafka broker, on a class path of its own. */
package io.fullrank.broker;
