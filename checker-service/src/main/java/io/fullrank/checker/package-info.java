/**
 * The checker: reads snapshots, judges them, and publishes what it found in the same transaction
 * that moves it on. {@link io.fullrank.checker.loop.CheckLoop} is the place to start reading.
 */
package io.fullrank.checker;
