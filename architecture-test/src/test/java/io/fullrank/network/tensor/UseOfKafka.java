package io.fullrank.network.tensor;

import org.apache.kafka.common.TopicPartition;

/** A sample for {@code WallsTest}: networks must not know Kafka. */
public record UseOfKafka(TopicPartition partition) {}
