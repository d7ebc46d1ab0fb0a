package io.fullrank.metrics.store;

import io.fullrank.proto.v1.Progress;
import io.fullrank.proto.v1.RunRequest;
import io.fullrank.proto.v1.RunResult;

/**
 * What the figures of a run's progress mean; nothing else decides what one means that is absent. Of
 * an external run it was not measured. Of a run that a trainer trains it is 0: so it was written
 * before figures had presence.
 */
final class Measurements {

  private Measurements() {}

  /** Returns progress as clients see it: what is absent was not measured. */
  static Progress shown(RunRequest request, Progress stored) {
    if (RunHistory.isExternal(request)) {
      return stored;
    }
    return Progress.newBuilder()
        .setTrainLoss(0)
        .setTrainError(0)
        .setTestError(0)
        .setTestLoss(0)
        .setLearningRate(0)
        .mergeFrom(stored)
        .build();
  }

  /**
   * Joins what an external run reported in two events: what the later one does not say stands as
   * the earlier one said it. Of two events about one step, to join either again changes nothing.
   */
  static Progress joined(Progress earlier, Progress later) {
    Progress.Builder joined = earlier.toBuilder();
    if (later.getGradientNormsCount() > 0) {
      joined.clearGradientNorms();
    }
    return joined.mergeFrom(later).build();
  }

  /** Returns the figures of an external run's result: it may be the first to say them. */
  static Progress reported(RunResult result) {
    Progress.Builder figures = Progress.newBuilder();
    if (result.hasFinalTrainLoss()) {
      figures.setTrainLoss(result.getFinalTrainLoss());
    }
    if (result.hasTrainError()) {
      figures.setTrainError(result.getTrainError());
    }
    if (result.hasTestError()) {
      figures.setTestError(result.getTestError());
    }
    return figures.build();
  }
}
