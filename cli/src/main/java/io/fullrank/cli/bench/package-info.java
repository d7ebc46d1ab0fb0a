/** Benchmarks: certificates, training, and the metrics service under load. */
package io.fullrank.cli.bench;
