package io.fullrank.metrics.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.ByteString;
import com.google.protobuf.MessageLite;
import com.google.protobuf.UnknownFieldSet;
import io.fullrank.metrics.Records;
import io.fullrank.proto.Topic;
import io.fullrank.proto.WireFormatException;
import io.fullrank.proto.v1.CheckRecord;
import io.fullrank.proto.v1.Guarantee;
import io.fullrank.proto.v1.Outcome;
import io.fullrank.proto.v1.RunEvent;
import io.fullrank.proto.v1.RunRequest;
import io.fullrank.proto.v1.RunState;
import io.fullrank.proto.v1.Variant;
import io.fullrank.proto.v1.Verdict;
import java.nio.charset.StandardCharsets;
import java.util.stream.Stream;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class RunRecordTest {

  @Test
  void readsEachTopic() throws Exception {
    RunRequest request = Records.request("r", "e", Variant.VARIANT_BASE, 1);
    Verdict verdict = Records.verdict("r", 1, 2, Outcome.OUTCOME_CERTIFIED);

    assertThat(read(Topic.EXPERIMENTS, "r", request.toByteArray()))
        .isEqualTo(new RunRecord.Requested(request));
    assertThat(read(Topic.EXPERIMENTS, "r", null)).isEqualTo(new RunRecord.Withdrawn("r"));
    assertThat(read(Topic.PROGRESS, "r", Records.started("r", 1).toByteArray()))
        .isEqualTo(new RunRecord.Reported(Records.started("r", 1)));
    assertThat(read(Topic.PROGRESS, "r", Records.heartbeat("r", 1, 10).toByteArray()))
        .isEqualTo(new RunRecord.Reported(Records.heartbeat("r", 1, 10)));
    assertThat(read(Topic.VERDICTS, "r", Records.record(verdict).toByteArray()))
        .isEqualTo(new RunRecord.Checked(verdict));
    assertThat(read(Topic.VERDICTS, "r", Records.record(Records.skipped("r", 1, 2)).toByteArray()))
        .isEqualTo(new RunRecord.Skipped(Records.skipped("r", 1, 2)));
  }

  @Test
  void keepsNothingThatTheContractDoesNotKnow() throws Exception {
    Verdict verdict = Records.verdict("r", 1, 2, Outcome.OUTCOME_CERTIFIED);
    UnknownFieldSet unknown =
        UnknownFieldSet.newBuilder()
            .addField(
                9000,
                UnknownFieldSet.Field.newBuilder()
                    .addLengthDelimited(ByteString.copyFrom(new byte[1000]))
                    .build())
            .build();
    Verdict padded =
        verdict.toBuilder()
            .setUnknownFields(unknown)
            .setCheckedAt(verdict.getCheckedAt().toBuilder().setUnknownFields(unknown))
            .build();

    assertThat(read(Topic.VERDICTS, "r", Records.record(padded).toByteArray()))
        .isEqualTo(new RunRecord.Checked(verdict));
  }

  @Test
  void takesTheLargestRequestAndTheProgressOfTheLargestNetwork() throws Exception {
    // A trainer accepts experiments of 128 KiB at most, and 64 KiB unless it is told otherwise.
    RunRequest.Builder request = Records.request("r", "e", Variant.VARIANT_BASE, 1).toBuilder();
    request.getSpecBuilder().setName("n".repeat(128 << 10));
    assertThat(read(Topic.EXPERIMENTS, "r", request.build().toByteArray()))
        .isEqualTo(new RunRecord.Requested(request.build()));

    RunEvent progress = Records.withNorms(Records.progress("r", 1, 10, 0, 0), 20_000);
    assertThat(progress.getSerializedSize()).isGreaterThan(RunRecord.MAX_BYTES);
    assertThat(read(Topic.PROGRESS, "r", progress.toByteArray()))
        .isEqualTo(new RunRecord.Reported(progress));
  }

  static Stream<Arguments> refused() {
    String long126 = "r".repeat(126);
    RunRequest request = Records.request("r", "e", Variant.VARIANT_BASE, 1);
    String padding = "w".repeat(256 << 10);
    Verdict verdict = Records.verdict("r", 1, 2, Outcome.OUTCOME_CERTIFIED);
    return Stream.of(
        Arguments.of(Topic.PROGRESS, "r", "garbage".getBytes(StandardCharsets.UTF_8), "parse"),
        Arguments.of(Topic.PROGRESS, "r", null, "no value"),
        Arguments.of(Topic.VERDICTS, "r", new byte[0], "neither a verdict nor a skipped"),
        Arguments.of(
            Topic.EXPERIMENTS, "r", new byte[0], "name has 0 characters instead of 1 to 125"),
        Arguments.of(
            Topic.PROGRESS,
            long126,
            bytes(Records.started(long126, 1)),
            "name has 126 characters instead of 1 to 125"),
        Arguments.of(
            Topic.EXPERIMENTS,
            "r",
            bytes(request.toBuilder().addWarnings(padding).build()),
            " bytes, at most 262144 are kept"),
        Arguments.of(
            Topic.PROGRESS,
            "r",
            bytes(
                Records.event("r", 1)
                    .setGuarantee(Guarantee.newBuilder().setText(padding))
                    .build()),
            " bytes, at most 262144 are kept"),
        Arguments.of(
            Topic.VERDICTS,
            "r",
            bytes(Records.record(verdict.toBuilder().setChecker(padding).build())),
            " bytes, at most 262144 are kept"),
        Arguments.of(Topic.EXPERIMENTS, null, null, "name has 0 characters instead of 1 to 125"),
        Arguments.of(
            Topic.PROGRESS, "other", bytes(Records.started("r", 1)), "key is other, but it is"),
        Arguments.of(
            Topic.PROGRESS, null, bytes(Records.started("r", 1)), "key is null, but it is"),
        Arguments.of(Topic.PROGRESS, "r", bytes(Records.started("r", 0)), "attempt is 0"),
        Arguments.of(Topic.PROGRESS, "r", bytes(Records.event("r", 1).build()), "no event"),
        Arguments.of(
            Topic.PROGRESS, "r", bytes(Records.heartbeat("r", 1, -1)), "interval that is negative"),
        Arguments.of(
            Topic.PROGRESS,
            "r",
            bytes(Records.heartbeat("r", 1, Long.MAX_VALUE)),
            "or out of range"),
        Arguments.of(
            Topic.PROGRESS,
            "r",
            bytes(Records.withNorms(Records.progress("r", 1, 10, 0, 0), 20_001)),
            "gradient norms of 20001 layers, at most 20000 are kept"),
        Arguments.of(
            Topic.PROGRESS,
            "r",
            bytes(Records.finished("r", 1, RunState.RUN_STATE_RUNNING, 0, 0)),
            "RUN_STATE_RUNNING, which no run ends in"),
        Arguments.of(
            Topic.VERDICTS,
            "r",
            bytes(
                CheckRecord.newBuilder()
                    .setVerdict(verdict.toBuilder().clearCertificate())
                    .build()),
            "neither a certificate nor measures"),
        Arguments.of(
            Topic.VERDICTS,
            "r",
            bytes(Records.record(Records.skipped("r", 0, 2))),
            "attempt is 0"));
  }

  @ParameterizedTest
  @MethodSource("refused")
  void refusesWhatDoesNotFollowTheContract(Topic topic, String key, byte[] value, String reason) {
    assertThatThrownBy(() -> read(topic, key, value))
        .isInstanceOf(WireFormatException.class)
        .hasMessageContaining(reason)
        .hasMessageNotContaining("\n");
  }

  private static byte[] bytes(MessageLite message) {
    return message.toByteArray();
  }

  private static RunRecord read(Topic topic, String key, byte[] value) throws WireFormatException {
    return RunRecord.read(topic, new ConsumerRecord<>(topic.name(), 0, 0, key, value));
  }
}
