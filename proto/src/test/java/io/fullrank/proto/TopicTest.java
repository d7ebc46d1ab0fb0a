package io.fullrank.proto;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class TopicTest {

  @Test
  void allTopicsHaveAsManyPartitionsSoThatARunLivesInTheSameOneOfEach() {
    assertThat(Topic.ALL).extracting(Topic::partitions).containsOnly(6);
  }

  @Test
  void deadLettersStandBesideTheirTopic() {
    assertThat(Topic.SNAPSHOTS.deadLetters().name()).isEqualTo("fullrank.snapshots.dlq");
  }
}
