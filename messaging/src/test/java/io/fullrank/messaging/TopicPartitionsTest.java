package io.fullrank.messaging;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.fullrank.kafka.EmbeddedKafka;
import io.fullrank.proto.Topic;
import io.fullrank.testsupport.Waiting;
import io.fullrank.testsupport.kafka.BrokerExtension;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** A reader that begins before the broker knows a topic must not begin without its partitions. */
@ExtendWith(BrokerExtension.class)
class TopicPartitionsTest {

  @Test
  void areAllOrUnknown(EmbeddedKafka broker) throws Exception {
    KafkaConnection kafka = KafkaConnection.to(broker.bootstrapServers());
    Topic topic = Topic.VERDICTS;
    try (KafkaConsumer<String, byte[]> consumer = kafka.consumer("partitions", Map.of())) {
      assertThatThrownBy(() -> TopicPartitions.of(consumer, "no-such-topic"))
          .isInstanceOf(UnknownTopicOrPartitionException.class)
          .hasMessage("the broker does not know topic no-such-topic");

      Admin admin = kafka.admin("partitions-admin");
      try {
        TopicCreation.ensure(admin, List.of(topic));
      } finally {
        admin.close(Duration.ZERO);
      }
      await()
          .atMost(Waiting.LIMIT)
          .ignoreExceptionsInstanceOf(UnknownTopicOrPartitionException.class)
          .untilAsserted(
              () ->
                  assertThat(TopicPartitions.of(consumer, topic.name()))
                      .hasSize(topic.partitions()));
    }
  }
}
