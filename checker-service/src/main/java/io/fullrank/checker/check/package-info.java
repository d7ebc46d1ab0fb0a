/**
 * What a check of snapshots is: all that a third party needs to add one.
 *
 * <p>{@link io.fullrank.checker.check.CheckFactory} is found by {@link java.util.ServiceLoader} and
 * makes a {@link io.fullrank.checker.check.SnapshotCheck}, which looks at one {@link
 * io.fullrank.checker.check.SnapshotUnderCheck} after the other.
 */
package io.fullrank.checker.check;
