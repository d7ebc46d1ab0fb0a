package io.fullrank.metrics.store;

import io.fullrank.metrics.v1.StoredRun;
import java.util.List;

/**
 * Some messages out of the history of a run, in the order of their steps.
 *
 * @param run the run as it was stored when the messages were read
 * @param values the messages
 */
public record Excerpt<T>(StoredRun run, List<T> values) {}
