package io.fullrank.trainer;

import java.util.Map;

/**
 * What distinguishes this trainer.
 *
 * @param name the instance's name, unique among trainers: in run headers and as prefix of Kafka
 *     client ids
 * @param group the consumer group that shares the runs
 * @param queueBytes bytes of snapshots that may wait for the broker before further ones are dropped
 * @param versions versions of what computes, by name, for run headers
 */
record TrainerSettings(String name, String group, long queueBytes, Map<String, String> versions) {}
