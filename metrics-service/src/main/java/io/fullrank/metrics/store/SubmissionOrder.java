package io.fullrank.metrics.store;

import com.google.protobuf.Timestamp;
import io.fullrank.metrics.v1.Submission;
import io.fullrank.proto.v1.RunRequest;
import java.util.Comparator;

/** The order in which runs were submitted. */
public final class SubmissionOrder {

  /**
   * Orders points in time, those too that are out of range: a record may state any, and the
   * comparator of protobuf's library throws.
   */
  public static final Comparator<Timestamp> BY_TIME =
      Comparator.comparingLong(Timestamp::getSeconds).thenComparingInt(Timestamp::getNanos);

  /**
   * By time; the runs of one experiment have the same, and follow in an order that people expect.
   */
  public static final Comparator<Submission> COMPARATOR =
      Comparator.comparing(Submission::getAt, BY_TIME)
          .thenComparing(Submission::getExperiment)
          .thenComparing(Submission::getVariant)
          .thenComparing(Submission::getSeed, Long::compareUnsigned)
          .thenComparing(Submission::getRun);

  private SubmissionOrder() {}

  /** Returns the place of a run. */
  public static Submission of(RunRequest request) {
    return Submission.newBuilder()
        .setAt(request.getSubmittedAt())
        .setExperiment(request.getExperiment())
        .setVariant(request.getVariantValue())
        .setSeed(request.getSeed())
        .setRun(request.getRun())
        .build();
  }
}
