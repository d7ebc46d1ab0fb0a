/** Experiment files and their meaning: from YAML to a complete, validated specification. */
package io.fullrank.network.experiment;
