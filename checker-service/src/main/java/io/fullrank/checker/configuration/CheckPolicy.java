package io.fullrank.checker.configuration;

/** Which snapshots a checker checks when it does not keep up with training. */
public enum CheckPolicy {
  /** The newest of each run; older ones are skipped, witnesses never. */
  LATEST,
  /** All of them; those of a run in their order, except that a witness comes first. */
  EVERY
}
