/**
 * The main path: {@link io.fullrank.trainer.run.Trainer} takes runs and trains one after the other.
 */
package io.fullrank.trainer.run;
