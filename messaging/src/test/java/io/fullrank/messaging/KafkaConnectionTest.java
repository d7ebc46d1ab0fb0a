package io.fullrank.messaging;

import static org.assertj.core.api.Assertions.assertThat;

import io.fullrank.kafka.EmbeddedKafka;
import io.fullrank.testsupport.FreePort;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class KafkaConnectionTest {

  @TempDir Path folder;

  @Test
  void deliversTheFirstRecordsOfATopicThatTheBrokerIsStillMaking() throws Exception {
    // A broker names a topic's partitions to clients before it has made them, one after the other:
    // while it makes this many, some get their first records a moment too early.
    int partitions = 200;
    int recordsOfEach = 5;
    try (EmbeddedKafka kafka = EmbeddedKafka.start(folder, FreePort.any())) {
      KafkaConnection connection = KafkaConnection.to(kafka.bootstrapServers());
      // One record is a batch.
      Map<String, Object> unbatched =
          Map.of(ProducerConfig.BATCH_SIZE_CONFIG, 0, ProducerConfig.LINGER_MS_CONFIG, 0);
      List<Future<RecordMetadata>> sent = new ArrayList<>();
      try (Admin admin = connection.admin("test");
          KafkaProducer<String, byte[]> producer = connection.producer("test", unbatched)) {
        admin.createTopics(List.of(new NewTopic("new", partitions, (short) 1))).all().get();

        for (int partition = 0; partition < partitions; partition++) {
          for (int record = 0; record < recordsOfEach; record++) {
            sent.add(producer.send(new ProducerRecord<>("new", partition, "run", new byte[20000])));
          }
        }
        producer.flush();
      }

      assertThat(sent)
          .hasSize(partitions * recordsOfEach)
          .allSatisfy(record -> assertThat(record).succeedsWithin(0, TimeUnit.SECONDS));
    }
  }
}
