package io.fullrank.checker;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.InvalidProtocolBufferException;
import io.fullrank.certificate.backend.openblas.OpenBlas;
import io.fullrank.checker.check.CheckResources;
import io.fullrank.checker.expressivity.ExpressivityCheck;
import io.fullrank.checker.judgement.SnapshotJudge;
import io.fullrank.proto.SnapshotAssembler;
import io.fullrank.proto.SnapshotChunks;
import io.fullrank.proto.WireFormatException;
import io.fullrank.proto.v1.DataType;
import io.fullrank.proto.v1.Outcome;
import io.fullrank.proto.v1.Snapshot;
import io.fullrank.proto.v1.SnapshotChunk;
import io.fullrank.proto.v1.Verdict;
import io.fullrank.testsupport.hostile.HostileInputs;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Chunks and snapshots, changed at random, on their way to a verdict. */
class HostileSnapshotsTest {

  private static final Path GOLDEN = Path.of("../proto/src/test/resources/golden");
  private static final int MOST_BYTES = 1 << 20;

  @Test
  void chunksAreTakenOrRefused() throws IOException {
    Snapshot snapshot = ClientSnapshots.snapshot("run", DataType.DATA_TYPE_FLOAT32, 10, 12);
    List<byte[]> chunks =
        SnapshotChunks.split(snapshot, 1 << 10).stream().map(SnapshotChunk::toByteArray).toList();
    // One assembler for all: what one chunk leaves behind, the next one finds.
    SnapshotAssembler assembler = new SnapshotAssembler("run", MOST_BYTES);
    HostileInputs hostile =
        new HostileInputs(
            17,
            List.of(chunks.get(0), Files.readAllBytes(GOLDEN.resolve("snapshot_chunk.binpb"))),
            Set.of(WireFormatException.class, InvalidProtocolBufferException.class),
            4 << 20);

    HostileInputs.Outcome outcome =
        hostile.give(
            10_000,
            bytes -> {
              SnapshotChunk chunk = SnapshotChunk.parseFrom(bytes);
              // Each run has an assembler of its own.
              if (chunk.getRun().equals("run")) {
                SnapshotAssembler.Step unused = assembler.accept(chunk);
                assertThat(assembler.bytesHeld()).isBetween(0L, (long) MOST_BYTES);
              }
            });

    assertThat(outcome.read()).isPositive();
    assertThat(outcome.refused()).isPositive();
  }

  @Test
  void snapshotsOfClientsGetAVerdictWhateverTheyClaim() {
    SnapshotJudge judge =
        OnlyCheck.judge(
            Path.of("none"),
            new ExpressivityCheck(new CheckResources(new OpenBlas(1), 1, 1 << 20, 0.5, true)));
    HostileInputs hostile =
        new HostileInputs(
            17,
            List.of(
                ClientSnapshots.snapshot("run", DataType.DATA_TYPE_FLOAT32, 4, 5).toByteArray(),
                ClientSnapshots.snapshot("run", DataType.DATA_TYPE_FLOAT64, 3, 4).toByteArray()),
            Set.of(WireFormatException.class, InvalidProtocolBufferException.class),
            32 << 20);

    HostileInputs.Outcome outcome =
        hostile.give(
            3000,
            bytes -> {
              Snapshot snapshot = Snapshot.parseFrom(bytes);
              if (!snapshot.getHeader().getSpec().getNetwork().hasExternal()) {
                // It would be computed from weights and a data set, which is another test's matter.
                return;
              }
              for (Verdict verdict : judge.judge(snapshot)) {
                assertThat(verdict.getCertificate().getOutcome())
                    .isNotEqualTo(Outcome.OUTCOME_UNSPECIFIED);
                assertThat(verdict.getCertificate().getReason()).doesNotContain("the check failed");
              }
            });

    assertThat(outcome.read()).isPositive();
    assertThat(outcome.refused()).isPositive();
  }
}
