/**
 * Which of the many entries of a run an answer takes: keys and ranges of steps, picks that are
 * spread evenly, and as much as one message holds.
 */
package io.fullrank.metrics.selection;
