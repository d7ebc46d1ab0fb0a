package io.fullrank.trainer;

import static java.util.stream.Collectors.toMap;

import com.google.protobuf.ByteString;
import io.fullrank.certificate.RankCertification;
import io.fullrank.certificate.backend.openblas.OpenBlas;
import io.fullrank.certificate.cholesky.VerifiedCholesky;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.messaging.KafkaConnection;
import io.fullrank.network.architecture.Features;
import io.fullrank.network.architecture.Network;
import io.fullrank.network.data.DataSet;
import io.fullrank.network.data.DataSets;
import io.fullrank.network.tensor.Parameters;
import io.fullrank.proto.SnapshotAssembler;
import io.fullrank.proto.Topic;
import io.fullrank.proto.v1.Certificate;
import io.fullrank.proto.v1.CheckRecord;
import io.fullrank.proto.v1.Outcome;
import io.fullrank.proto.v1.Snapshot;
import io.fullrank.proto.v1.SnapshotChunk;
import io.fullrank.proto.v1.Verdict;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;

/** A checker for some runs and their witnesses only: the real certificate over the real topics. */
public final class WitnessCheck implements AutoCloseable {

  private final KafkaConsumer<String, byte[]> consumer;
  private final KafkaProducer<String, byte[]> producer;
  private final Map<String, SnapshotAssembler> assemblers;
  private final Thread thread;
  private volatile boolean closed;
  private volatile Exception failure;

  public WitnessCheck(KafkaConnection kafka, String... runs) {
    assemblers =
        Arrays.stream(runs).collect(toMap(run -> run, run -> new SnapshotAssembler(run, 1 << 30)));
    producer = kafka.producer("witness-check", Map.of());
    consumer = kafka.consumer("witness-check", Map.of());
    var partitions =
        consumer.partitionsFor(Topic.SNAPSHOTS.name()).stream()
            .map(partition -> new TopicPartition(partition.topic(), partition.partition()))
            .toList();
    consumer.assign(partitions);
    consumer.seekToBeginning(partitions);
    thread = new Thread(this::serve, "witness-check");
    thread.start();
  }

  /** What went wrong here, if anything did. */
  public Optional<Exception> failure() {
    return Optional.ofNullable(failure);
  }

  @Override
  public void close() throws InterruptedException {
    closed = true;
    thread.join();
    producer.close();
    consumer.close();
  }

  private void serve() {
    try {
      while (!closed) {
        for (ConsumerRecord<String, byte[]> received : consumer.poll(Duration.ofMillis(100))) {
          if (assemblers.containsKey(received.key())) {
            Optional<Snapshot> complete =
                assemblers
                    .get(received.key())
                    .accept(SnapshotChunk.parseFrom(received.value()))
                    .snapshot();
            if (complete.isPresent() && complete.get().getWitness()) {
              Verdict verdict = verdict(complete.get());
              producer.send(
                  new ProducerRecord<>(
                      Topic.VERDICTS.name(),
                      received.key(),
                      CheckRecord.newBuilder().setVerdict(verdict).build().toByteArray()));
              producer.flush();
            }
          }
        }
      }
    } catch (Exception failed) {
      failure = failed;
    }
  }

  private static Verdict verdict(Snapshot snapshot) {
    DataSet data =
        DataSets.load(snapshot.getHeader().getSpec().getDataSet(), Path.of("not-needed"));
    Network network =
        Network.of(
            snapshot.getHeader().getSpec().getNetwork(),
            data.train().shape(),
            data.identity().getClasses());
    try (Matrix features =
        Features.compute(
            network, Parameters.of(network.layout(), snapshot.getWeightsList()), data.train())) {
      var certificate =
          new RankCertification(new OpenBlas(1), new VerifiedCholesky()).certify(features);
      return Verdict.newBuilder()
          .setRun(snapshot.getHeader().getRun())
          .setAttempt(snapshot.getHeader().getAttempt())
          .setStep(snapshot.getStep())
          .setCheck("expressivity")
          .setWitness(true)
          .setFeaturesSha256(ByteString.copyFrom(features.sha256()))
          .setCertificate(
              Certificate.newBuilder()
                  .setOutcome(Outcome.valueOf("OUTCOME_" + certificate.outcome()))
                  .setRows(certificate.rows())
                  .setColumns(certificate.columns())
                  .setSigmaMinLowerBound(certificate.sigmaMinLowerBound().orElse(0))
                  .setSigmaMaxUpperBound(
                      certificate.sigmaMaxUpperBound().orElse(Double.POSITIVE_INFINITY)))
          .build();
    }
  }
}
