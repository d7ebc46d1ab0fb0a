/**
 * What experiment files call a choice, such as an algorithm, and its parameters: data from which
 * files are read, checked, reported and documented.
 */
package io.fullrank.network.description;
