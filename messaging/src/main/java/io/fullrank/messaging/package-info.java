/**
 * What the services share of Kafka: connections, a life with a broker that may come and go, the
 * topics of the wire contract, and dead letters.
 */
package io.fullrank.messaging;
