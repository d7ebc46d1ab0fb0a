package io.fullrank.metrics.query;

import io.fullrank.metrics.store.RunHistory;
import io.fullrank.proto.v1.CompareTestErrorsResponse;
import io.fullrank.proto.v1.ListProgressRequest;
import io.fullrank.proto.v1.ListProgressResponse;
import io.fullrank.proto.v1.Progress;
import io.fullrank.proto.v1.Run;
import io.fullrank.proto.v1.TestErrorCurve;
import io.fullrank.proto.v1.TestErrorPoint;
import io.fullrank.proto.v1.Variant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.function.Function;

/**
 * Mean test errors of an experiment's base and two-phase runs over the steps: small, for a first
 * look. No more than {@link #RUNS} runs of a variant are read, however many there are.
 */
public final class TestErrorCurves {

  private static final int RUNS = 32;

  /** External runs report the test error with few of their steps only. */
  private static final int EXTERNAL_POINTS = 1000;

  /** A run's test errors in the order of their steps, at least one. */
  private record Reported(List<Progress> errors) {

    long lastStep() {
      return errors.get(errors.size() - 1).getStep();
    }

    /** Returns what was reported last up to a step. */
    OptionalDouble at(long step) {
      OptionalDouble last = OptionalDouble.empty();
      for (Progress each : errors) {
        if (Long.compareUnsigned(each.getStep(), step) > 0) {
          break;
        }
        last = OptionalDouble.of(each.getTestError());
      }
      return last;
    }
  }

  private TestErrorCurves() {}

  /**
   * Compares runs.
   *
   * @param runs the experiment's runs, gone through once
   * @param progress lists a run's progress; empty if the run is gone
   * @param points how many points a curve has at most
   */
  public static CompareTestErrorsResponse of(
      Iterable<Run> runs,
      Function<ListProgressRequest, Optional<ListProgressResponse>> progress,
      int points) {
    Map<Variant, List<Reported>> byVariant = new EnumMap<>(Variant.class);
    for (Run run : runs) {
      List<Reported> those =
          byVariant.computeIfAbsent(run.getRequest().getVariant(), unused -> new ArrayList<>());
      if (run.hasProgress() && those.size() < RUNS) {
        reported(run, progress, points).ifPresent(those::add);
      }
    }
    return CompareTestErrorsResponse.newBuilder()
        .setBase(mean(byVariant.getOrDefault(Variant.VARIANT_BASE, List.of()), points))
        .setTwoPhase(mean(byVariant.getOrDefault(Variant.VARIANT_TWO_PHASE, List.of()), points))
        .build();
  }

  private static Optional<Reported> reported(
      Run run, Function<ListProgressRequest, Optional<ListProgressResponse>> progress, int points) {
    ListProgressRequest request =
        ListProgressRequest.newBuilder()
            .setRun(run.getRequest().getRun())
            .setMaxPoints(RunHistory.isExternal(run.getRequest()) ? EXTERNAL_POINTS : points)
            .build();
    return progress
        .apply(request)
        .map(
            found ->
                found.getProgressList().stream()
                    .filter(each -> each.hasTestError() && Double.isFinite(each.getTestError()))
                    .toList())
        .filter(errors -> !errors.isEmpty())
        .map(Reported::new);
  }

  /** Returns the mean at the steps of the run that has come furthest. */
  private static TestErrorCurve mean(List<Reported> runs, int points) {
    TestErrorCurve.Builder curve = TestErrorCurve.newBuilder().setRuns(runs.size());
    runs.stream()
        .max(Comparator.comparing(Reported::lastStep, Long::compareUnsigned))
        .ifPresent(
            furthest -> {
              int count = furthest.errors().size();
              int shown = Math.min(count, points);
              for (int i = 0; i < shown; i++) {
                int pick = shown == 1 ? count - 1 : (int) ((long) i * (count - 1) / (shown - 1));
                long step = furthest.errors().get(pick).getStep();
                runs.stream()
                    .filter(run -> Long.compareUnsigned(run.lastStep(), step) >= 0)
                    .flatMapToDouble(run -> run.at(step).stream())
                    .average()
                    .ifPresent(
                        mean ->
                            curve.addPoints(
                                TestErrorPoint.newBuilder().setStep(step).setMean(mean)));
              }
            });
    return curve.build();
  }
}
