/** What Prometheus scrapes. */
package io.fullrank.checker.prometheus;
