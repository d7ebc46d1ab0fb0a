/**
 * Watches networks of ND4J's SameDiff train, and trains them in two phases.
 *
 * <p>{@link io.fullrank.samediff.SameDiffNetwork} says what the last hidden layer is, {@link
 * io.fullrank.samediff.SameDiffWatch} and {@link io.fullrank.samediff.SameDiffTwoPhase} are the
 * listeners.
 */
package io.fullrank.samediff;
