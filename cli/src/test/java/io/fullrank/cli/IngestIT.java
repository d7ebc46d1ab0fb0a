package io.fullrank.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.fullrank.client.Connection;
import io.fullrank.client.ExternalRun;
import io.fullrank.client.Features;
import io.fullrank.client.RunDescription;
import io.fullrank.client.WitnessGuarantee;
import io.fullrank.kafka.EmbeddedKafka;
import io.fullrank.messaging.KafkaConnection;
import io.fullrank.proto.Topic;
import io.fullrank.proto.v1.CheckRecord;
import io.fullrank.proto.v1.DataSetIdentity;
import io.fullrank.proto.v1.ExternalAlgorithm;
import io.fullrank.proto.v1.ExternalNetwork;
import io.fullrank.proto.v1.FeatureSource;
import io.fullrank.proto.v1.Guarantee;
import io.fullrank.proto.v1.GuaranteeStatement;
import io.fullrank.proto.v1.Loss;
import io.fullrank.proto.v1.Outcome;
import io.fullrank.proto.v1.Phase;
import io.fullrank.proto.v1.PhaseTwoSolver;
import io.fullrank.proto.v1.Progress;
import io.fullrank.proto.v1.RunResult;
import io.fullrank.proto.v1.TwoPhaseSpec;
import io.fullrank.proto.v1.Verdict;
import io.fullrank.samediff.SameDiffNetwork;
import io.fullrank.samediff.SameDiffTwoPhase;
import io.fullrank.testsupport.Waiting;
import io.fullrank.testsupport.kafka.BrokerExtension;
import io.fullrank.testsupport.process.JavaCommand;
import io.fullrank.testsupport.process.PackagedService;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.autodiff.samediff.TrainingConfig;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.ViewIterator;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;

/**
 * The Java client, its listener for SameDiff, and {@code fullrank import} with the packaged
 * services and a real broker.
 */
@ExtendWith(BrokerExtension.class)
class IngestIT {

  private static final int ROWS = 200;
  private static final int WIDTH = 500;

  @TempDir Path folder;

  @Test
  void aWitnessIsCertifiedAndAFileThatIsImportedTwiceIsOneRun(EmbeddedKafka broker)
      throws Exception {
    Map<String, String> environment =
        Map.of("FULLRANK_KAFKA_BOOTSTRAP_SERVERS", broker.bootstrapServers());
    try (PackagedService trainer = start("trainer-service", environment);
        PackagedService checker = start("checker-service", environment)) {
      trainer.awaitReady();
      checker.awaitReady();

      reportAWitness(trainer);
      trainInSameDiff(trainer);
      importTwice(trainer, broker);
    }
  }

  private static void reportAWitness(PackagedService trainer) throws Exception {
    Features witness = Features.of(matrix(), ROWS, WIDTH);
    ExternalRun run =
        ExternalRun.start(Connection.to("127.0.0.1:" + trainer.grpcPort()), description());
    run.log(Progress.newBuilder().setStep(1).setBatchLoss(2.5).build());
    run.features(1, Phase.PHASE_TWO, true, witness);

    Verdict verdict = run.awaitVerdict(1, Waiting.LIMIT).orElseThrow();
    assertThat(verdict.getCertificate().getOutcome()).isEqualTo(Outcome.OUTCOME_CERTIFIED);
    assertThat(verdict.getFeatureSource()).isEqualTo(FeatureSource.FEATURE_SOURCE_CLIENT);
    Guarantee guarantee =
        WitnessGuarantee.stated(
            Optional.of(verdict), Waiting.LIMIT, witness, Loss.LOSS_CROSS_ENTROPY);
    assertThat(guarantee.getStatement()).isEqualTo(GuaranteeStatement.GUARANTEE_STATEMENT_LIMIT);
    run.guarantee(guarantee);
    assertThat(
            run.end(
                RunResult.newBuilder()
                    .setSteps(2)
                    .setGuarantee(WitnessGuarantee.concluded(guarantee, 2, 0.1))
                    .build(),
                Waiting.LIMIT))
        .isTrue();
    assertThat(run.snapshots().getDropped()).isZero();
  }

  private static void trainInSameDiff(PackagedService trainer) throws Exception {
    Nd4j.getRandom().setSeed(1);
    INDArray rows = Nd4j.randn(DataType.FLOAT, 30, 5);
    INDArray labels = Nd4j.zeros(DataType.FLOAT, 30, 3);
    for (int i = 0; i < 30; i++) {
      labels.putScalar(i, i % 3, 1);
    }
    SameDiff graph = SameDiff.create();
    SDVariable input = graph.placeHolder("input", DataType.FLOAT, -1, 5);
    SDVariable label = graph.placeHolder("label", DataType.FLOAT, -1, 3);
    SDVariable hidden = graph.var("w1", Nd4j.randn(DataType.FLOAT, 5, 40));
    SDVariable features = graph.math.tanh("features", input.mmul(hidden));
    SDVariable output = graph.var("w2", Nd4j.randn(DataType.FLOAT, 40, 3));
    SDVariable logits =
        features.mmul(output).add("logits", graph.var("b2", Nd4j.zeros(DataType.FLOAT, 3)));
    graph.loss.softmaxCrossEntropy("loss", label, logits, null);
    graph.setLossVariables("loss");
    graph.setTrainingConfig(
        TrainingConfig.builder()
            .updater(new Adam(0.01))
            .dataSetFeatureMapping("input")
            .dataSetLabelMapping("label")
            .build());
    SameDiffNetwork network =
        new SameDiffNetwork(
            graph,
            "features",
            "w2",
            Optional.of("b2"),
            Map.of("input", rows),
            labels,
            Loss.LOSS_CROSS_ENTROPY);
    SameDiffTwoPhase.Settings settings =
        new SameDiffTwoPhase.Settings(15, 9, 1e-3, 1, Waiting.LIMIT);
    ExternalRun run =
        ExternalRun.start(
            Connection.to("127.0.0.1:" + trainer.grpcPort()),
            settings.describe(network.describe("samediff", 1, "random")));
    SameDiffTwoPhase twoPhase = new SameDiffTwoPhase(run, network, 0, settings);
    graph.fit(new ViewIterator(new DataSet(rows, labels), 10), 5, twoPhase);

    RunResult result = twoPhase.finish();

    Verdict verdict = run.awaitVerdict(9, Waiting.LIMIT).orElseThrow();
    assertThat(verdict.getCertificate().getOutcome()).isEqualTo(Outcome.OUTCOME_CERTIFIED);
    assertThat(verdict.getWitness()).isTrue();
    assertThat(verdict.getFeaturesSha256()).isEqualTo(network.computeFeatures().sha256());
    assertThat(result.getGuarantee().getStatement())
        .isEqualTo(GuaranteeStatement.GUARANTEE_STATEMENT_LIMIT);
    assertThat(result.getGuarantee().getOptimalityGap())
        .isGreaterThanOrEqualTo(result.getFinalTrainLoss());
    assertThat(run.end(result, Waiting.LIMIT)).isTrue();
  }

  private void importTwice(PackagedService trainer, EmbeddedKafka broker) throws Exception {
    Path file = RecordedRun.of(ROWS, WIDTH).write(folder.resolve("run.fullrank"));
    String[] line = {"import", file.toString(), "--trainer-port", "" + trainer.grpcPort()};

    CommandRun first = CommandRun.of(line);
    assertThat(first.status()).as(first.err()).isZero();
    CommandRun second = CommandRun.of(line);
    assertThat(second.status()).as(second.err()).isZero();

    assertThat(second.out()).isEqualTo(first.out());
    String run = first.out().replaceAll("(?s).*Run (\\S+) with.*", "$1");
    Verdict verdict = awaitVerdict(broker, run);
    assertThat(verdict.getStep()).isEqualTo(20);
    assertThat(verdict.getCertificate().getOutcome()).isEqualTo(Outcome.OUTCOME_CERTIFIED);
  }

  private static RunDescription description() {
    return RunDescription.of(
            "client",
            1,
            ExternalNetwork.newBuilder()
                .setFramework("test")
                .setLastHiddenWidth(WIDTH)
                .setOutputs(10)
                .build(),
            ExternalAlgorithm.newBuilder().setName("SGD").build())
        .loss(Loss.LOSS_CROSS_ENTROPY)
        .dataSet(DataSetIdentity.newBuilder().setName("random").setTrainRows(ROWS).build())
        .totalSteps(2)
        .twoPhase(
            TwoPhaseSpec.newBuilder()
                .setSwitchFraction(0.5)
                .setNoise(1e-3)
                .setSolver(PhaseTwoSolver.PHASE_TWO_SOLVER_BASE)
                .setVerdictTimeout(com.google.protobuf.Duration.newBuilder().setSeconds(60))
                .build(),
            1);
  }

  private static float[] matrix() {
    Random random = new Random(1);
    float[] matrix = new float[ROWS * WIDTH];
    for (int i = 0; i < matrix.length; i++) {
      matrix[i] = (float) random.nextGaussian();
    }
    return matrix;
  }

  private PackagedService start(String room, Map<String, String> environment) throws Exception {
    return PackagedService.start(
        JavaCommand.service(room).in(environment), folder.resolve(room + ".log"));
  }

  private static Verdict awaitVerdict(EmbeddedKafka broker, String run) throws Exception {
    try (KafkaConsumer<String, byte[]> consumer =
        KafkaConnection.to(broker.bootstrapServers()).consumer("test", Map.of())) {
      List<TopicPartition> partitions =
          consumer.partitionsFor(Topic.VERDICTS.name()).stream()
              .map(partition -> new TopicPartition(partition.topic(), partition.partition()))
              .toList();
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      long deadline = System.nanoTime() + Waiting.LIMIT.toNanos();
      while (System.nanoTime() < deadline) {
        for (ConsumerRecord<String, byte[]> received : consumer.poll(Duration.ofMillis(200))) {
          CheckRecord record = CheckRecord.parseFrom(received.value());
          if (received.key().equals(run) && record.hasVerdict()) {
            return record.getVerdict();
          }
        }
      }
    }
    throw new AssertionError("no verdict on " + run);
  }
}
