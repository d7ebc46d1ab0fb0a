/**
 * The check {@code expressivity}: whether the features of the last hidden layer have full row rank,
 * and the spectrum of witnesses.
 */
package io.fullrank.checker.expressivity;
