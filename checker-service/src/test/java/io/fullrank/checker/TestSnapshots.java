package io.fullrank.checker;

import com.google.protobuf.Timestamp;
import io.fullrank.network.experiment.ChosenChecks;
import io.fullrank.proto.SnapshotChunks;
import io.fullrank.proto.SnapshotId;
import io.fullrank.proto.Tensors;
import io.fullrank.proto.v1.Checks;
import io.fullrank.proto.v1.ExpressivityParameters;
import io.fullrank.proto.v1.NamedCheck;
import io.fullrank.proto.v1.RunHeader;
import io.fullrank.proto.v1.Snapshot;
import io.fullrank.proto.v1.SnapshotChunk;
import java.time.Instant;
import java.util.List;

/** Snapshots whose weights mean nothing, for tests of the way they go. */
public final class TestSnapshots {

  private TestSnapshots() {}

  public static SnapshotId id(String run, long step) {
    return new SnapshotId(run, 1, step);
  }

  /** A snapshot with one tensor of so many float32 elements. */
  public static Snapshot snapshot(SnapshotId id, boolean witness, int elements) {
    float[] values = new float[elements];
    for (int i = 0; i < elements; i++) {
      values[i] = id.step() + i;
    }
    return withoutWeights(id).toBuilder()
        .setWitness(witness)
        .addWeights(Tensors.of("hidden.1.weight", new long[] {elements}, values))
        .addGradients(Tensors.of("hidden.1.weight", new long[] {elements}, values))
        .build();
  }

  public static Snapshot snapshot(SnapshotId id) {
    return snapshot(id, false, 16);
  }

  /** The same, of a run that names these checks. */
  public static Snapshot judgedBy(Snapshot snapshot, String... checks) {
    Checks.Builder chosen = Checks.newBuilder();
    for (String check : checks) {
      if (check.equals(ChosenChecks.EXPRESSIVITY)) {
        chosen.setExpressivity(ExpressivityParameters.getDefaultInstance());
      } else {
        chosen.addNamed(NamedCheck.newBuilder().setName(check));
      }
    }
    Snapshot.Builder judged = snapshot.toBuilder();
    judged.getHeaderBuilder().getSpecBuilder().setChecks(chosen);
    return judged.build();
  }

  /** The same, of a run of a program outside Fullrank. */
  public static Snapshot external(Snapshot snapshot) {
    Snapshot.Builder external = snapshot.toBuilder();
    external.getHeaderBuilder().getSpecBuilder().getNetworkBuilder().getExternalBuilder();
    return external.build();
  }

  public static Snapshot withoutWeights(SnapshotId id) {
    return Snapshot.newBuilder()
        .setHeader(RunHeader.newBuilder().setRun(id.run()).setAttempt(id.attempt()))
        .setStep(id.step())
        .setTakenAt(Timestamp.newBuilder().setSeconds(Instant.now().getEpochSecond()))
        .build();
  }

  /** The snapshot in about so many chunks. */
  public static List<SnapshotChunk> chunks(Snapshot snapshot, int count) {
    int bytes = snapshot.getSerializedSize();
    return SnapshotChunks.split(snapshot, (bytes + count - 1) / count);
  }
}
