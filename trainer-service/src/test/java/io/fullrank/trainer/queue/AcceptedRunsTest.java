package io.fullrank.trainer.queue;

import static org.assertj.core.api.Assertions.assertThat;

import io.fullrank.kafka.EmbeddedKafka;
import io.fullrank.messaging.KafkaConnection;
import io.fullrank.messaging.TopicCreation;
import io.fullrank.proto.Topic;
import io.fullrank.proto.v1.RunRequest;
import io.fullrank.testsupport.kafka.BrokerExtension;
import io.fullrank.trainer.configuration.TrainerSettings;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Requests among thousands of others, in a real broker. */
@ExtendWith(BrokerExtension.class)
class AcceptedRunsTest {

  private final String run = "found-" + UUID.randomUUID();
  private KafkaConnection connection;
  private AcceptedRuns accepted;

  @BeforeEach
  void open(EmbeddedKafka kafka) throws Exception {
    connection = KafkaConnection.to(kafka.bootstrapServers());
    try (Admin admin = connection.admin("test")) {
      TopicCreation.ensure(admin, Topic.ALL);
    }
    accepted =
        new AcceptedRuns(
            connection,
            new TrainerSettings(
                "test",
                "test",
                1,
                Optional.empty(),
                Duration.ofMinutes(5),
                Duration.ofSeconds(20),
                Map.of()));
  }

  @AfterEach
  void close() {
    accepted.close();
  }

  @Test
  void findsTheNewestRequestWhereverItIs() throws Exception {
    accepted.write(List.of(request(false)));
    assertThat(accepted.find(run).orElseThrow().request()).isEqualTo(request(false));

    accepted.write(List.of(request(true)));
    assertThat(accepted.find(run).orElseThrow().request()).isEqualTo(request(true));

    // More than are read at a time; external runs, which no trainer takes.
    accepted.write(
        IntStream.range(0, 9000)
            .mapToObj(
                i -> {
                  RunRequest.Builder other = RunRequest.newBuilder().setRun(run + "." + i);
                  other.getSpecBuilder().getNetworkBuilder().getExternalBuilder();
                  return other.build();
                })
            .toList());
    assertThat(accepted.find(run).orElseThrow().request()).isEqualTo(request(true));
    assertThat(accepted.find(run + ".8999")).isPresent();
    assertThat(accepted.find(run + ".9000")).isEmpty();

    try (KafkaProducer<String, byte[]> producer = connection.producer("test-removal", Map.of())) {
      producer.send(new ProducerRecord<>(Topic.EXPERIMENTS.name(), run, null)).get();
    }
    assertThat(accepted.find(run)).isEmpty();
  }

  private RunRequest request(boolean cancelled) {
    RunRequest.Builder request = RunRequest.newBuilder().setRun(run).setCancelled(cancelled);
    request.getSpecBuilder().getNetworkBuilder().getExternalBuilder();
    return request.build();
  }
}
