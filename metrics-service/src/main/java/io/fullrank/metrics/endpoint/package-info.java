/** What clients see: gRPC services, the page's JSON and events, and health. */
package io.fullrank.metrics.endpoint;
