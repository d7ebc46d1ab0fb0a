/** Checkpoints of runs, as files that appear whole or not at all. */
package io.fullrank.trainer.checkpoint;
