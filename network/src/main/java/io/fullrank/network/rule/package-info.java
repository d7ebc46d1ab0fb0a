/**
 * Rules that act when training goes wrong: their conditions and actions, and the one place that
 * decides which of them act.
 */
package io.fullrank.network.rule;
