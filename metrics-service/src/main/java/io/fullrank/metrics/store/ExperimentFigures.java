package io.fullrank.metrics.store;

import com.google.protobuf.Timestamp;
import io.fullrank.metrics.v1.HeldCheck;
import io.fullrank.metrics.v1.HeldExperiment;
import io.fullrank.metrics.v1.Submission;
import io.fullrank.proto.v1.CheckSummary;
import io.fullrank.proto.v1.LatestTestError;
import io.fullrank.proto.v1.RunCount;
import io.fullrank.proto.v1.RunState;
import io.fullrank.proto.v1.Variant;
import java.util.EnumMap;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** The figures of an experiment, summed over runs and over partitions. */
public final class ExperimentFigures {

  private static final class MeanError {
    private int runs;
    private double sum;
  }

  private Submission first;
  private Optional<Timestamp> lastEnd = Optional.empty();
  private final Map<RunState, Integer> runs = new EnumMap<>(RunState.class);
  private double done;
  private final Map<String, HeldCheck.Builder> checks = new TreeMap<>();
  private final Map<Variant, MeanError> testErrors = new EnumMap<>(Variant.class);

  /**
   * Begins with no run.
   *
   * @param first the place of the run that is added first
   */
  public ExperimentFigures(Submission first) {
    this.first = first;
  }

  /** Adds a run. */
  void add(Submission place, RunState state, Optional<Timestamp> endedAt, RunFigures figures) {
    begin(place, endedAt);
    runs.merge(state, 1, Integer::sum);
    done += figures.done();
    for (RunFigures.Judged judged : figures.judged()) {
      HeldCheck.Builder one =
          HeldCheck.newBuilder().setLatestRun(place.getRun()).setLatestAt(judged.at());
      CheckSummary.Builder summary = one.getSummaryBuilder().setCheck(judged.check());
      switch (judged.outcome()) {
        case OUTCOME_CERTIFIED -> summary.setCertified(1);
        case OUTCOME_REFUTED -> summary.setRefuted(1);
        case OUTCOME_UNDETERMINED -> summary.setUndetermined(1);
        case OUTCOME_UNSPECIFIED, UNRECOGNIZED -> summary.setWithoutOutcome(1);
      }
      add(one.build());
    }
    figures
        .testError()
        .ifPresent(error -> addTestErrors(Variant.forNumber(place.getVariant()), 1, error));
  }

  /** Adds the runs of some partitions. */
  public void add(HeldExperiment part) {
    begin(part.getFirst(), part.hasLastEnd() ? Optional.of(part.getLastEnd()) : Optional.empty());
    for (RunCount count : part.getRunsList()) {
      runs.merge(count.getState(), count.getRuns(), Integer::sum);
    }
    done += part.getDone();
    part.getChecksList().forEach(this::add);
    for (LatestTestError error : part.getTestErrorsList()) {
      addTestErrors(error.getVariant(), error.getRuns(), error.getRuns() * error.getMean());
    }
  }

  /** Returns the figures of all that was added. */
  public HeldExperiment held() {
    HeldExperiment.Builder held = HeldExperiment.newBuilder().setFirst(first).setDone(done);
    lastEnd.ifPresent(held::setLastEnd);
    runs.forEach(
        (state, count) -> held.addRuns(RunCount.newBuilder().setState(state).setRuns(count)));
    checks.values().forEach(held::addChecks);
    testErrors.forEach(
        (variant, error) ->
            held.addTestErrors(
                LatestTestError.newBuilder()
                    .setVariant(variant)
                    .setRuns(error.runs)
                    .setMean(error.sum / error.runs)));
    return held.build();
  }

  private void begin(Submission place, Optional<Timestamp> end) {
    if (SubmissionOrder.COMPARATOR.compare(place, first) < 0) {
      first = place;
    }
    if (end.isPresent()
        && (lastEnd.isEmpty() || SubmissionOrder.BY_TIME.compare(lastEnd.get(), end.get()) < 0)) {
      lastEnd = end;
    }
  }

  private void add(HeldCheck added) {
    HeldCheck.Builder check = checks.get(added.getSummary().getCheck());
    if (check == null) {
      checks.put(added.getSummary().getCheck(), added.toBuilder());
      return;
    }
    CheckSummary.Builder summary = check.getSummaryBuilder();
    CheckSummary others = added.getSummary();
    summary
        .setCertified(summary.getCertified() + others.getCertified())
        .setRefuted(summary.getRefuted() + others.getRefuted())
        .setUndetermined(summary.getUndetermined() + others.getUndetermined())
        .setWithoutOutcome(summary.getWithoutOutcome() + others.getWithoutOutcome());
    if (SubmissionOrder.BY_TIME.compare(check.getLatestAt(), added.getLatestAt()) <= 0) {
      check.setLatestRun(added.getLatestRun()).setLatestAt(added.getLatestAt());
    }
  }

  private void addTestErrors(Variant variant, int count, double sum) {
    MeanError error = testErrors.computeIfAbsent(variant, unused -> new MeanError());
    error.runs += count;
    error.sum += sum;
  }
}
