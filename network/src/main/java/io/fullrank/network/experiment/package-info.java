/**
 * Experiment files and their meaning: from YAML to a complete, validated specification, and back to
 * words for reports.
 */
package io.fullrank.network.experiment;
