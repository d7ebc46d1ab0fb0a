package io.fullrank.trainer.ingest;

import static io.fullrank.trainer.ingest.ExternalRuns.finished;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import io.fullrank.messaging.KafkaConnection;
import io.fullrank.proto.v1.LayerNorm;
import io.fullrank.proto.v1.Progress;
import io.fullrank.proto.v1.ReportRequest;
import io.fullrank.proto.v1.RunEvent;
import io.fullrank.testsupport.Waiting;
import io.fullrank.testsupport.kafka.MortalBroker;
import io.fullrank.trainer.TopicReader;
import io.fullrank.trainer.configuration.IngestSettings;
import io.grpc.Status;
import java.nio.file.Path;
import java.time.Duration;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Reports while the broker is away. */
class IngestWithoutBrokerTest {

  private static final IngestSettings SETTINGS =
      new IngestSettings(
          65536, 64L << 20, 64L << 20, 4, Duration.ofSeconds(10), Duration.ofMinutes(5));
  private static final Duration SILENCE = Duration.ofSeconds(5);
  private static final int REPORT_BYTES = 100_000;
  // What may be on its way to the broker, in the network, and in buffers of both sides.
  private static final long BOUND_BYTES = 48L << 20;

  @TempDir Path folder;

  @Test
  void aClientThatIsFasterThanTheBrokerHasToWaitAndLosesNothing() throws Exception {
    ByteString key = ExternalRuns.newKey();
    try (MortalBroker broker = MortalBroker.start(folder);
        IngestServer server =
            IngestServer.start(KafkaConnection.to(broker.bootstrapServers()), SETTINGS)) {
      String run = server.register(ExternalRuns.registration(key, 10).build()).getRun();
      ReportStream stream = ReportStream.open(server.channel());
      stream.awaitAccepted(
          stream.send(ReportRequest.newBuilder().setBegin(ExternalRuns.begin(run, key))));

      broker.kill();
      long taken = 0;
      while (taken * REPORT_BYTES < BOUND_BYTES && stream.trySendWithin(large(taken), SILENCE)) {
        taken++;
      }

      assertThat(stream.hasEnded()).isFalse();
      // It stopped the client, before the bound, and has not answered what Kafka does not have.
      assertThat(taken * REPORT_BYTES).isBetween(10L << 20, BOUND_BYTES - REPORT_BYTES);
      assertThat(stream.accepted()).isEqualTo(1);
      broker.startAgain();
      stream.send(finished());
      assertThat(stream.awaitEnd()).isEqualTo(Status.OK);
      try (TopicReader published =
          new TopicReader(KafkaConnection.to(broker.bootstrapServers()), run)) {
        published.awaitResult(Waiting.LIMIT);
        assertThat(
                published.events().stream()
                    .filter(RunEvent::hasProgress)
                    .map(event -> event.getProgress().getStep()))
            .containsExactlyElementsOf(LongStream.range(0, taken).boxed().toList());
      }
    }
  }

  private static ReportRequest.Builder large(long step) {
    return ReportRequest.newBuilder()
        .setProgress(
            Progress.newBuilder()
                .setStep(step)
                .addGradientNorms(LayerNorm.newBuilder().setLayer("l".repeat(REPORT_BYTES))));
  }
}
