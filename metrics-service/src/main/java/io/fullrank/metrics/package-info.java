/**
 * The metrics service: what the topics say of every run, for gRPC clients and for Prometheus.
 *
 * <p>The way of a record: {@link io.fullrank.metrics.TopicReader} reads it, {@link
 * io.fullrank.metrics.RunRecord} says what it is, {@link io.fullrank.metrics.RunHistory} folds it
 * into what is known of its run, {@link io.fullrank.metrics.RunStore} keeps the result, and {@link
 * io.fullrank.metrics.MetricsGrpcService} and {@link io.fullrank.metrics.FullrankMetrics} show it.
 */
package io.fullrank.metrics;
