package io.fullrank.network.description;

/**
 * What is wrong with the values of a choice.
 *
 * @param key of the parameter that should be changed
 * @param text what is wrong, and what would be right
 */
public record Problem(String key, String text) {}
