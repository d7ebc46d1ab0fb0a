/** Streams of what changes, at the pace of their readers. */
package io.fullrank.metrics.watch;
