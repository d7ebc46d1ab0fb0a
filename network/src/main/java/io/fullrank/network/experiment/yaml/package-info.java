/**
 * Experiment files as text: YAML with the line of every value, spelling, and errors that name a
 * line.
 */
package io.fullrank.network.experiment.yaml;
