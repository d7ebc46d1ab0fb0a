/**
 * What the services share of Kafka: connections, the topics of the wire contract, and dead letters.
 */
package io.fullrank.messaging;
