/** The life with Kafka Streams: the topology that folds records, and where its state lies. */
package io.fullrank.metrics.streams;
