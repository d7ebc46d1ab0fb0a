package io.fullrank.checker.verdict;

import com.google.protobuf.ByteString;
import com.google.protobuf.Timestamp;
import com.google.protobuf.util.Timestamps;
import io.fullrank.proto.v1.Certificate;
import io.fullrank.proto.v1.FeatureSource;
import io.fullrank.proto.v1.Outcome;
import io.fullrank.proto.v1.Snapshot;
import io.fullrank.proto.v1.Verdict;

/** Makes verdicts on snapshots. */
public final class Verdicts {

  /** The check of the expressivity condition: rank Φ(θ) = n (KS21, section 3). */
  static final String EXPRESSIVITY = "expressivity";

  // Reasons quote names that come with the snapshot: a verdict must fit into a record.
  private static final int MAX_REASON_CHARACTERS = 1000;

  private Verdicts() {}

  /**
   * Returns whether a snapshot is of a program outside Fullrank: then its features are judged as
   * that program computed them.
   */
  public static boolean isExternal(Snapshot snapshot) {
    return snapshot.getHeader().getSpec().getNetwork().hasExternal();
  }

  /**
   * Returns the verdict with what is proven about the features.
   *
   * @param checker this checker's name
   * @param featuresSha256 of the features that the certificate is about
   */
  public static Verdict of(
      Snapshot snapshot, String checker, Certificate certificate, byte[] featuresSha256) {
    return about(snapshot, checker)
        .setCertificate(certificate.toBuilder().setReason(shortened(certificate.getReason())))
        .setFeaturesSha256(ByteString.copyFrom(featuresSha256))
        .build();
  }

  /** Returns the verdict where no matrix could be judged. */
  public static Verdict undetermined(Snapshot snapshot, String checker, String reason) {
    return about(snapshot, checker)
        .setCertificate(
            Certificate.newBuilder()
                .setOutcome(Outcome.OUTCOME_UNDETERMINED)
                .setReason(shortened(reason)))
        .build();
  }

  private static String shortened(String reason) {
    return reason.length() <= MAX_REASON_CHARACTERS
        ? reason
        : reason.substring(0, MAX_REASON_CHARACTERS) + "…";
  }

  private static Verdict.Builder about(Snapshot snapshot, String checker) {
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
        .setCheck(EXPRESSIVITY)
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
