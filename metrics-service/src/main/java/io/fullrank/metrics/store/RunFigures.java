package io.fullrank.metrics.store;

import com.google.protobuf.Timestamp;
import com.google.protobuf.util.Timestamps;
import io.fullrank.metrics.v1.StoredRun;
import io.fullrank.proto.v1.Outcome;
import io.fullrank.proto.v1.Progress;
import io.fullrank.proto.v1.Verdict;
import java.util.List;
import java.util.OptionalDouble;

/**
 * What is summed over the runs of an experiment, of one run.
 *
 * @param done the fraction of its steps that it has done: 1 if it has ended, 0 if their number is
 *     not known
 * @param testError its test error as it was reported last; empty if none was, or no number
 * @param judged its newest verdicts, one for each check
 * @param heardAt when it was last heard of
 */
record RunFigures(double done, OptionalDouble testError, List<Judged> judged, Timestamp heardAt) {

  /** That a check has judged a run. */
  record Judged(String check, Outcome outcome, Timestamp at) {}

  static RunFigures of(StoredRun run) {
    return new RunFigures(
        done(run),
        testError(run),
        RunHistory.latestVerdicts(run).stream().map(RunFigures::judged).toList(),
        run.getLastEventAt());
  }

  private static Judged judged(Verdict verdict) {
    // A time that a checker states out of range has no place in an order.
    boolean valid = Timestamps.isValid(verdict.getCheckedAt());
    return new Judged(
        verdict.getCheck(),
        verdict.getCertificate().getOutcome(),
        valid ? verdict.getCheckedAt() : Timestamp.getDefaultInstance());
  }

  private static double done(StoredRun run) {
    if (RunHistory.hasEnded(RunHistory.state(run))) {
      return 1;
    }
    double total = Math.max(0, run.getHeader().getTotalSteps());
    double steps = Math.max(0, run.getProgress().getStep());
    return total == 0 ? 0 : Math.min(1, steps / total);
  }

  private static OptionalDouble testError(StoredRun run) {
    if (run.getResult().hasTestError()) {
      return finite(run.getResult().getTestError());
    }
    if (run.hasLatestFigures()) {
      return run.getLatestFigures().hasTestError()
          ? finite(run.getLatestFigures().getTestError())
          : OptionalDouble.empty();
    }
    if (!run.hasProgress()) {
      return OptionalDouble.empty();
    }
    Progress shown = Measurements.shown(run.getRequest(), run.getProgress());
    return shown.hasTestError() ? finite(shown.getTestError()) : OptionalDouble.empty();
  }

  private static OptionalDouble finite(double value) {
    return Double.isFinite(value) ? OptionalDouble.of(value) : OptionalDouble.empty();
  }
}
