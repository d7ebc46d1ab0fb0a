package io.fullrank.cli.proof;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import com.google.protobuf.util.JsonFormat;
import io.fullrank.certificate.file.NpyFile;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.cli.CommandRun;
import io.fullrank.kafka.EmbeddedKafka;
import io.fullrank.messaging.KafkaConnection;
import io.fullrank.messaging.TopicCreation;
import io.fullrank.network.architecture.Features;
import io.fullrank.network.architecture.Network;
import io.fullrank.network.data.DataSet;
import io.fullrank.network.data.DataSets;
import io.fullrank.network.tensor.Parameters;
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
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** {@code fullrank prove RUN --step} with snapshots in a real broker. */
@ExtendWith(BrokerExtension.class)
class RunExportTest {

  private static final DataSetSpec DATA =
      DataSetSpec.newBuilder()
          .setName(DataSets.STROKES)
          .setTrainSize(60)
          .setTestSize(10)
          .setSplitSeed(7)
          .build();

  @TempDir Path folder;

  @Test
  void featuresAreRecomputedOfTheWeights(EmbeddedKafka broker) throws Exception {
    DataSet data = DataSets.load(DATA, folder);
    NetworkSpec spec = network(80);
    Network network = Network.of(spec, data.train().shape(), data.identity().getClasses());
    Parameters parameters = network.initialParameters(3);
    try (Matrix features = Features.compute(network, parameters, data.train())) {
      Snapshot snapshot =
          snapshot("own", 5)
              .setHeader(
                  header("own")
                      .setSpec(ExperimentSpec.newBuilder().setDataSet(DATA).setNetwork(spec))
                      .setDataSet(data.identity())
                      .putVersions("trainer", "1.2.3"))
              .setFeaturesSha256(ByteString.copyFrom(features.sha256()))
              .addAllWeights(parameters.toTensors())
              .build();
      publish(broker, snapshot("own", 4).build(), snapshot);

      CommandRun run = prove(broker, "own", 5, folder);

      assertThat(run.err()).isEmpty();
      assertThat(run.status()).isZero();
      try (Matrix exported = NpyFile.read(folder.resolve("features.npy"), true)) {
        assertThat(exported.sha256()).isEqualTo(features.sha256());
      }
      Snapshot.Builder described = Snapshot.newBuilder();
      JsonFormat.parser().merge(Files.readString(folder.resolve("run.json")), described);
      assertThat(described.build()).isEqualTo(snapshot.toBuilder().clearWeights().build());
      assertThat(verify(folder).out())
          .startsWith("VERIFIED  the 60 rows of the 60 x 81 matrix (with a column of ones)");
    }
  }

  @Test
  void featuresThatAProgramSentKeepTheirType(EmbeddedKafka broker) throws Exception {
    SplittableRandom random = new SplittableRandom(5);
    for (DataType type :
        List.of(
            DataType.DATA_TYPE_FLOAT64, DataType.DATA_TYPE_FLOAT32, DataType.DATA_TYPE_BFLOAT16)) {
      String name = type.name();
      Path out = folder.resolve(name);
      ByteBuffer bytes = ByteBuffer.allocate(20 * 30 * 8).order(ByteOrder.LITTLE_ENDIAN);
      for (int i = 0; i < 20 * 30; i++) {
        float value = random.nextInt(1 << 8) / 64.0f;
        switch (type) {
          case DATA_TYPE_FLOAT64 -> bytes.putDouble(value);
          case DATA_TYPE_FLOAT32 -> bytes.putFloat(value);
          default -> bytes.putShort((short) (Float.floatToIntBits(value) >> 16));
        }
      }
      Tensor features =
          Tensor.newBuilder()
              .setName("features")
              .setType(type)
              .addShape(20)
              .addShape(30)
              .setData(ByteString.copyFrom(bytes.flip()))
              .build();
      publish(broker, snapshot(name, 1).setFeatures(features).build());

      CommandRun run = prove(broker, name, 1, out);

      assertThat(run.status()).as(run.err()).isZero();
      assertThat(verify(out).out())
          .contains("of its " + (type == DataType.DATA_TYPE_FLOAT64 ? "F64" : "F32"));
      try (Matrix exported = NpyFile.read(out.resolve("features.npy"), false)) {
        double[] row = new double[30];
        for (int i = 0; i < 20; i++) {
          exported.getRow(i, 0, row, 0, 30);
          for (int j = 0; j < 30; j++) {
            assertThat(row[j]).isEqualTo(element(features, i * 30 + j));
          }
        }
      }
    }
  }

  @Test
  void whatCannotBeExportedIsSaidAndLeavesNothing(EmbeddedKafka broker) throws Exception {
    Tensor equalRows =
        Tensor.newBuilder()
            .setType(DataType.DATA_TYPE_FLOAT32)
            .addShape(2)
            .addShape(3)
            .setData(ByteString.copyFrom(new byte[24]))
            .build();
    publish(broker, snapshot("equal", 7).setFeatures(equalRows).build());

    CommandRun otherStep = prove(broker, "equal", 8, folder);
    assertThat(otherStep.status()).isEqualTo(2);
    assertThat(otherStep.err())
        .isEqualTo(
            "fullrank: Kafka holds no snapshot of run equal at step 8; it holds those of steps 7%n"
                .formatted());
    CommandRun otherRun = prove(broker, "unknown", 8, folder);
    assertThat(otherRun.err()).contains("no snapshot of a run 'unknown'");
    CommandRun dependent = prove(broker, "equal", 7, folder);
    assertThat(dependent.status()).isEqualTo(3);
    assertThat(dependent.err())
        .isEqualTo("fullrank: equal: no proof: rows 0 and 1 are identical%n".formatted());
    assertThat(folder).isEmptyDirectory();
  }

  @Test
  void filesThatAreThereStayAsTheyAre(EmbeddedKafka broker) throws Exception {
    for (String name : List.of("features.npy", "features.proof", "run.json")) {
      Path file = Files.writeString(folder.resolve(name), "mine");

      CommandRun run = prove(broker, "any", 1, folder);

      assertThat(run.status()).isEqualTo(2);
      assertThat(run.err())
          .isEqualTo(
              "fullrank: --out %s: %s is there already; name another folder%n"
                  .formatted(folder, name));
      assertThat(file).hasContent("mine");
      Files.delete(file);
    }
  }

  private static CommandRun prove(EmbeddedKafka broker, String run, long step, Path out) {
    return CommandRun.of(
        "prove",
        run,
        "--step",
        String.valueOf(step),
        "--kafka",
        broker.bootstrapServers(),
        "--out",
        out.toString());
  }

  private static CommandRun verify(Path out) {
    return CommandRun.of(
        "verify", out.resolve("features.proof").toString(), out.resolve("features.npy").toString());
  }

  private static double element(Tensor tensor, int index) {
    ByteBuffer bytes = tensor.getData().asReadOnlyByteBuffer().order(ByteOrder.LITTLE_ENDIAN);
    return switch (tensor.getType()) {
      case DATA_TYPE_FLOAT64 -> bytes.getDouble(8 * index);
      case DATA_TYPE_FLOAT32 -> bytes.getFloat(4 * index);
      default -> Float.intBitsToFloat(bytes.getShort(2 * index) << 16);
    };
  }

  private static NetworkSpec network(int features) {
    return NetworkSpec.newBuilder()
        .setFullyConnected(
            FullyConnected.newBuilder()
                .addAllWidths(List.of(32, features))
                .setActivation(
                    Activation.newBuilder().setSoftplus(Softplus.newBuilder().setSharpness(100))))
        .build();
  }

  private static RunHeader.Builder header(String run) {
    return RunHeader.newBuilder().setRun(run).setAttempt(1);
  }

  private static Snapshot.Builder snapshot(String run, long step) {
    return Snapshot.newBuilder().setHeader(header(run)).setStep(step);
  }

  private static void publish(EmbeddedKafka broker, Snapshot... snapshots) throws Exception {
    KafkaConnection kafka = KafkaConnection.to(broker.bootstrapServers());
    try (Admin admin = kafka.admin("test")) {
      TopicCreation.ensure(admin, List.of(Topic.SNAPSHOTS));
    }
    try (KafkaProducer<String, byte[]> producer = kafka.producer("test", Map.of())) {
      for (Snapshot snapshot : snapshots) {
        for (SnapshotChunk chunk : SnapshotChunks.split(snapshot, 1000)) {
          producer
              .send(
                  new ProducerRecord<>(Topic.SNAPSHOTS.name(), chunk.getRun(), chunk.toByteArray()))
              .get();
        }
      }
    }
  }
}
