package io.fullrank.checker.verdict;

import com.google.protobuf.Timestamp;
import com.google.protobuf.util.Timestamps;
import io.fullrank.proto.v1.Certificate;
import io.fullrank.proto.v1.FeatureSource;
import io.fullrank.proto.v1.Outcome;
import io.fullrank.proto.v1.Snapshot;
import io.fullrank.proto.v1.Verdict;

/** Makes verdicts on snapshots. */
public final class Verdicts {

  private Verdicts() {}

  /**
   * Returns whether a snapshot is of a program outside Fullrank: then it is judged on what that
   * program computed.
   */
  public static boolean isExternal(Snapshot snapshot) {
    return snapshot.getHeader().getSpec().getNetwork().hasExternal();
  }

  /**
   * Returns the verdict with what a check found, as much of it as fits into a record; it is
   * undetermined if that is nothing.
   *
   * @param checker this checker's name
   * @param check the check's name
   */
  public static Verdict of(Snapshot snapshot, String checker, String check, Verdict findings) {
    Verdict bounded = Findings.bounded(findings);
    boolean isEmpty =
        !bounded.hasCertificate()
            && bounded.getMeasuresCount() == 0
            && bounded.getHistogramsCount() == 0;
    return isEmpty
        ? undetermined(snapshot, checker, check, "the check found nothing")
        : about(snapshot, checker, check).mergeFrom(bounded).build();
  }

  /** Returns the verdict where nothing could be found out. */
  public static Verdict undetermined(
      Snapshot snapshot, String checker, String check, String reason) {
    return of(
        snapshot,
        checker,
        check,
        Verdict.newBuilder()
            .setCertificate(
                Certificate.newBuilder().setOutcome(Outcome.OUTCOME_UNDETERMINED).setReason(reason))
            .build());
  }

  private static Verdict.Builder about(Snapshot snapshot, String checker, String check) {
    // Fields of it that nobody knows stay behind: they may be of any size, a record may not.
    Timestamp takenAt =
        Timestamp.newBuilder()
            .setSeconds(snapshot.getTakenAt().getSeconds())
            .setNanos(snapshot.getTakenAt().getNanos())
            .build();
    return Verdict.newBuilder()
        .setRun(snapshot.getHeader().getRun())
        .setAttempt(snapshot.getHeader().getAttempt())
        .setStep(snapshot.getStep())
        .setCheck(check)
        .setPhase(snapshot.getPhase())
        .setWitness(snapshot.getWitness())
        .setChecker(checker)
        .setSnapshotTakenAt(takenAt)
        .setCheckedAt(Timestamps.now())
        .setFeatureSource(
            isExternal(snapshot)
                ? FeatureSource.FEATURE_SOURCE_CLIENT
                : FeatureSource.FEATURE_SOURCE_RECOMPUTED);
  }
}
