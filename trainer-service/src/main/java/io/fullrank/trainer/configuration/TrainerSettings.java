package io.fullrank.trainer.configuration;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;

/**
 * What distinguishes this trainer.
 *
 * @param name the instance's name, unique among trainers: in run headers and as prefix of Kafka
 *     client ids
 * @param group the consumer group that shares the runs
 * @param queueBytes bytes of snapshots that may wait for the broker before further ones are dropped
 * @param checkpointDirectory where checkpoints lie; without one, none are taken
 * @param checkpointInterval how much time is between two checkpoints of a run at least
 * @param stopTimeout how long a run that is given up may take to stop and write its checkpoint
 * @param versions versions of what computes, by name, for run headers
 */
public record TrainerSettings(
    String name,
    String group,
    long queueBytes,
    Optional<Path> checkpointDirectory,
    Duration checkpointInterval,
    Duration stopTimeout,
    Map<String, String> versions) {}
