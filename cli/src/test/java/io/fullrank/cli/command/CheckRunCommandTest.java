package io.fullrank.cli.command;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.google.protobuf.ByteString;
import io.fullrank.cli.CommandRun;
import io.fullrank.kafka.EmbeddedKafka;
import io.fullrank.messaging.KafkaConnection;
import io.fullrank.messaging.TopicCreation;
import io.fullrank.network.architecture.Network;
import io.fullrank.network.data.DataSet;
import io.fullrank.network.data.DataSets;
import io.fullrank.proto.SnapshotChunks;
import io.fullrank.proto.Topic;
import io.fullrank.proto.v1.Activation;
import io.fullrank.proto.v1.DataSetSpec;
import io.fullrank.proto.v1.DataType;
import io.fullrank.proto.v1.ExperimentSpec;
import io.fullrank.proto.v1.FullyConnected;
import io.fullrank.proto.v1.NetworkSpec;
import io.fullrank.proto.v1.RunHeader;
import io.fullrank.proto.v1.Snapshot;
import io.fullrank.proto.v1.SnapshotChunk;
import io.fullrank.proto.v1.Softplus;
import io.fullrank.proto.v1.Tensor;
import io.fullrank.testsupport.kafka.BrokerExtension;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** {@code fullrank check-run} with snapshots in a real broker. */
@ExtendWith(BrokerExtension.class)
class CheckRunCommandTest {

  private static final DataSetSpec DATA =
      DataSetSpec.newBuilder()
          .setName(DataSets.STROKES)
          .setTrainSize(60)
          .setTestSize(10)
          .setSplitSeed(7)
          .build();

  @Test
  void judgesTheExactNetworkOnRequest(EmbeddedKafka broker) throws Exception {
    publish(broker, snapshot("wide", 80));

    CommandRun asComputed = checkRun(broker, "wide");
    CommandRun exact = checkRun(broker, "wide", "--exact");
    JsonNode json =
        new ObjectMapper().readTree(checkRun(broker, "wide", "--exact", "--json").out());

    assertThat(asComputed.err()).isEmpty();
    assertThat(asComputed.status()).isZero();
    assertThat(asComputed.out())
        .startsWith("run wide, step 5")
        .contains("CERTIFIED", "the features as computed")
        .doesNotContain("exact network");
    assertThat(exact.status()).isZero();
    assertThat(exact.out()).contains("the exact network, too", "proves the expressivity condition");
    assertThat(json.get("statement").asText()).isEqualTo("EXACT_NETWORK");
    assertThat(json.get("outcome").asText()).isEqualTo("CERTIFIED");
    assertThat(json.get("step").asInt()).isEqualTo(5);
    assertThat(json.has("file")).isFalse();
  }

  @Test
  void tooNarrowNetworkIsRefuted(EmbeddedKafka broker) throws Exception {
    publish(broker, snapshot("narrow", 40));

    CommandRun run = checkRun(broker, "narrow", "--exact");

    assertThat(run.status()).isEqualTo(3);
    assertThat(run.out()).contains("REFUTED").doesNotContain("exact network");
  }

  @Test
  void featuresThatWereSentAreReferredElsewhere(EmbeddedKafka broker) throws Exception {
    publish(
        broker,
        snapshot("sent", 80).toBuilder()
            .setFeatures(
                Tensor.newBuilder()
                    .setName("features")
                    .setType(DataType.DATA_TYPE_FLOAT32)
                    .addAllShape(List.of(1L, 2L))
                    .setData(ByteString.copyFrom(new byte[8])))
            .build());

    CommandRun run = checkRun(broker, "sent", "--exact");

    assertThat(run.status()).isEqualTo(2);
    assertThat(run.err())
        .contains(
            "'fullrank prove sent --step 5 --out DIR' saves them with a proof of their rank, or says"
                + " why there is none");
  }

  private static CommandRun checkRun(EmbeddedKafka broker, String run, String... more) {
    return CommandRun.of(
        Stream.concat(
                Stream.of("check-run", run, "--step", "5", "--kafka", broker.bootstrapServers()),
                Stream.of(more))
            .toArray(String[]::new));
  }

  private static Snapshot snapshot(String run, int features) {
    DataSet data = DataSets.load(DATA, Path.of("none"));
    NetworkSpec spec =
        NetworkSpec.newBuilder()
            .setFullyConnected(
                FullyConnected.newBuilder()
                    .addAllWidths(List.of(32, features))
                    .setActivation(
                        Activation.newBuilder()
                            .setSoftplus(Softplus.newBuilder().setSharpness(100))))
            .build();
    Network network = Network.of(spec, data.train().shape(), data.identity().getClasses());
    return Snapshot.newBuilder()
        .setHeader(
            RunHeader.newBuilder()
                .setRun(run)
                .setAttempt(1)
                .setSpec(ExperimentSpec.newBuilder().setDataSet(DATA).setNetwork(spec))
                .setDataSet(data.identity()))
        .setStep(5)
        .addAllWeights(network.initialParameters(3).toTensors())
        .build();
  }

  private static void publish(EmbeddedKafka broker, Snapshot snapshot) throws Exception {
    KafkaConnection kafka = KafkaConnection.to(broker.bootstrapServers());
    try (Admin admin = kafka.admin("test")) {
      TopicCreation.ensure(admin, List.of(Topic.SNAPSHOTS));
    }
    try (KafkaProducer<String, byte[]> producer = kafka.producer("test", Map.of())) {
      for (SnapshotChunk chunk : SnapshotChunks.split(snapshot, 1 << 20)) {
        producer
            .send(new ProducerRecord<>(Topic.SNAPSHOTS.name(), chunk.getRun(), chunk.toByteArray()))
            .get();
      }
    }
  }
}
