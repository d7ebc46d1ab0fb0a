package io.fullrank.trainer.ingest;

import static io.fullrank.trainer.ingest.ExternalRuns.features;
import static io.fullrank.trainer.ingest.ExternalRuns.finished;
import static io.fullrank.trainer.ingest.ExternalRuns.snapshot;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.awaitility.Awaitility.await;

import com.google.protobuf.ByteString;
import io.fullrank.kafka.EmbeddedKafka;
import io.fullrank.messaging.KafkaConnection;
import io.fullrank.proto.v1.CancelRunRequest;
import io.fullrank.proto.v1.ExperimentSpec;
import io.fullrank.proto.v1.IngestServiceGrpc;
import io.fullrank.proto.v1.ReportRequest;
import io.fullrank.proto.v1.ReportResponse;
import io.fullrank.proto.v1.RunState;
import io.fullrank.proto.v1.SubmitExperimentRequest;
import io.fullrank.proto.v1.TrainerServiceGrpc;
import io.fullrank.testsupport.FreePort;
import io.fullrank.testsupport.Waiting;
import io.fullrank.testsupport.client.GrpcConnection;
import io.fullrank.testsupport.process.JavaCommand;
import io.fullrank.testsupport.process.PackagedService;
import io.fullrank.trainer.TopicReader;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A packaged server that only takes reports. */
class IngestIT {

  private static final int ROWS = 2500;
  private static final int COLUMNS = 5000;

  @TempDir Path folder;

  @Test
  void aServerThatIsKilledInTheMiddleOfAnUploadLosesAndDoublesNothing() throws Exception {
    ByteString key = ExternalRuns.newKey();
    byte[] features = features(ROWS, COLUMNS);
    try (EmbeddedKafka kafka = EmbeddedKafka.start(folder.resolve("kafka"), FreePort.any())) {
      KafkaConnection connection = KafkaConnection.to(kafka.bootstrapServers());
      PackagedService killed = start(kafka);
      killed.awaitReady();
      String run;
      try (GrpcConnection client = GrpcConnection.to(killed.grpcPort())) {
        run =
            IngestServiceGrpc.newBlockingStub(client.channel())
                .registerRun(ExternalRuns.registration(key, COLUMNS).build())
                .getRun();
        ReportStream stream = begin(client, run, key);
        stream.awaitAccepted(stream.progress(1));
        stream.announce(snapshot(2, ROWS, COLUMNS).setWitness(true), features);
        stream.pieces(features, 0, features.length / 2);
        killed.kill();
        assertThat(stream.awaitEnd().getCode()).isEqualTo(Status.Code.UNAVAILABLE);
      }
      try (PackagedService again = killed.startAgain();
          TopicReader published = new TopicReader(connection, run)) {
        again.awaitReady();
        try (GrpcConnection client = GrpcConnection.to(again.grpcPort())) {
          ReportStream stream = begin(client, run, key);
          stream.progress(1);
          stream.snapshot(snapshot(2, ROWS, COLUMNS).setWitness(true), features);
          long last = stream.send(finished());
          assertThat(stream.awaitEnd()).isEqualTo(Status.OK);
          assertThat(stream.accepted()).isEqualTo(last);
        }
        assertThat(published.awaitResult(Waiting.LIMIT).getState())
            .isEqualTo(RunState.RUN_STATE_FINISHED);
        assertThat(published.awaitSnapshots(1)).hasSize(1);
        assertThat(published.deadLetters()).isEmpty();
        assertThat(again.http().samples())
            .anyMatch(sample -> sample.startsWith("fullrank_ingest_streams "))
            .anyMatch(sample -> sample.startsWith("fullrank_ingest_received_bytes_total 5.0E7"))
            .anyMatch(sample -> sample.startsWith("fullrank_ingest_reports_total "));
      }
    }
  }

  @Test
  void itCancelsRunsButTrainsNone() throws Exception {
    ByteString key = ExternalRuns.newKey();
    try (EmbeddedKafka kafka = EmbeddedKafka.start(folder.resolve("kafka"), FreePort.any());
        PackagedService server = start(kafka)) {
      server.awaitReady();
      try (GrpcConnection client = GrpcConnection.to(server.grpcPort())) {
        TrainerServiceGrpc.TrainerServiceBlockingStub trainer =
            TrainerServiceGrpc.newBlockingStub(client.channel());
        assertThat(
                catchThrowableOfType(
                        StatusRuntimeException.class,
                        () ->
                            trainer.submitExperiment(
                                SubmitExperimentRequest.newBuilder()
                                    .setSpec(ExperimentSpec.newBuilder().setName("any"))
                                    .build()))
                    .getStatus()
                    .getDescription())
            .contains("fullrank.trainer.trains=false");
        String run =
            IngestServiceGrpc.newBlockingStub(client.channel())
                .registerRun(ExternalRuns.registration(key, 10).build())
                .getRun();
        ReportStream stream = begin(client, run, key);
        stream.awaitAccepted(stream.progress(1));

        trainer.cancelRun(CancelRunRequest.newBuilder().setRun(run).build());

        await()
            .atMost(Waiting.LIMIT)
            .until(() -> stream.responses().stream().anyMatch(ReportResponse::hasStop));
        // Asked to stop (SIGTERM), it sends its clients elsewhere.
        server.close();
        assertThat(stream.awaitEnd().getCode()).isEqualTo(Status.Code.UNAVAILABLE);
        assertThat(server.log()).doesNotContain("ERROR");
      }
    }
  }

  private PackagedService start(EmbeddedKafka kafka) throws Exception {
    return PackagedService.start(
        JavaCommand.service("trainer-service")
            .with(
                "-Dfullrank.kafka.bootstrap-servers=" + kafka.bootstrapServers(),
                "-Dfullrank.trainer.trains=false"),
        folder.resolve("server.log"));
  }

  private static ReportStream begin(GrpcConnection client, String run, ByteString key)
      throws InterruptedException {
    ReportStream stream = ReportStream.open(client.channel());
    stream.send(ReportRequest.newBuilder().setBegin(ExternalRuns.begin(run, key)));
    return stream;
  }
}
