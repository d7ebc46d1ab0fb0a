/**
 * The metrics service: what the topics say of every run, for gRPC clients and for Prometheus.
 *
 * <p>The way of a record: {@link io.fullrank.metrics.streams.RunTopology} takes it from Kafka,
 * {@link io.fullrank.metrics.store.RunRecord} says what it is, {@link
 * io.fullrank.metrics.store.RunHistory} folds it into what is known of its run, in the state stores
 * that a {@link io.fullrank.metrics.store.RunPartition} reads. {@link
 * io.fullrank.metrics.store.HeldPartitions} has the partitions of this instance, {@link
 * io.fullrank.metrics.query.RunQueries} asks all instances, {@link
 * io.fullrank.metrics.watch.Watches} streams what changes, and {@link
 * io.fullrank.metrics.endpoint.MetricsGrpcService} shows it to clients.
 */
package io.fullrank.metrics;
