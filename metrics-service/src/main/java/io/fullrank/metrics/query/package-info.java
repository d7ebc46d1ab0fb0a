/**
 * Answers to questions about runs, asked of all instances: lists by pages, comparisons, removal.
 */
package io.fullrank.metrics.query;
