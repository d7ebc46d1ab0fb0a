package io.fullrank.checker.configuration;

/**
 * What the loop is configured with.
 *
 * @param name this checker's name, which no other running checker has and a restarted one has
 *     again: it fences its own zombie and takes its place in the group
 * @param group the consumer group that shares the work
 * @param policy which snapshots are checked
 * @param memoryBytes serialised snapshots held at most, up to one batch of records
 * @param maxSnapshotBytes the longest serialised snapshot that is accepted
 */
public record CheckLoopSettings(
    String name, String group, CheckPolicy policy, long memoryBytes, long maxSnapshotBytes) {}
