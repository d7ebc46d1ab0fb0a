/** What Prometheus scrapes. */
package io.fullrank.trainer.prometheus;
