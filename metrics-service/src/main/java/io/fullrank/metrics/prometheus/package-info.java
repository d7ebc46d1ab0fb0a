/** What Prometheus scrapes, and whether the state is complete. */
package io.fullrank.metrics.prometheus;
