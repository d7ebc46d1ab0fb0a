/**
 * The main path: {@link io.fullrank.checker.loop.CheckLoop} reads snapshots, has them judged, and
 * publishes verdicts.
 */
package io.fullrank.checker.loop;
