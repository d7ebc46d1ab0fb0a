package io.fullrank.network;

import org.apache.kafka.common.TopicPartition;

/** A sample for {@code LayeringTest}: networks must not know Kafka. */
public record LayeringViolation(TopicPartition partition) {}
