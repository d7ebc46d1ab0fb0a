package io.fullrank.messaging;

import java.util.List;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;

/** The partitions of a topic: all, or none is known. */
public final class TopicPartitions {

  private TopicPartitions() {}

  /**
   * Returns all partitions of a topic.
   *
   * @throws UnknownTopicOrPartitionException if the broker does not know the topic; of one that was
   *     just created a broker may hear a moment later
   * @throws org.apache.kafka.common.KafkaException if the broker does not answer or refuses
   */
  public static List<TopicPartition> of(Consumer<?, ?> consumer, String topic) {
    List<TopicPartition> partitions =
        consumer.partitionsFor(topic).stream()
            .map(found -> new TopicPartition(topic, found.partition()))
            .toList();
    if (partitions.isEmpty()) {
      throw new UnknownTopicOrPartitionException("the broker does not know topic " + topic);
    }
    return partitions;
  }
}
