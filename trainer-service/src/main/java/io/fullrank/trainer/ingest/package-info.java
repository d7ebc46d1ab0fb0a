/** Runs of programs outside Fullrank: their registration, and the streams that they report on. */
package io.fullrank.trainer.ingest;
