/** What the service is configured with. */
package io.fullrank.metrics.configuration;
