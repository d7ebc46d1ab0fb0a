package io.fullrank.checker.configuration;

/** Which snapshots a checker that is behind looks at. */
public enum CheckPolicy {
  /** The newest of each run; older ones are skipped, witnesses never. */
  LATEST,
  /** All of them; those of a run in their order, except that a witness comes first. */
  EVERY
}
