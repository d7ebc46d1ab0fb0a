/** What a run publishes, and the verdicts that come back. */
package io.fullrank.trainer.publication;
