package io.fullrank.metrics.query;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;

import io.fullrank.metrics.Records;
import io.fullrank.metrics.TestClock;
import io.fullrank.metrics.store.HeldPartitions;
import io.fullrank.metrics.store.RunChanges;
import io.fullrank.metrics.store.RunPartition;
import io.fullrank.metrics.store.RunRecord;
import io.fullrank.metrics.streams.InMemory;
import io.fullrank.proto.v1.CompareTestErrorsResponse;
import io.fullrank.proto.v1.Progress;
import io.fullrank.proto.v1.RunRequest;
import io.fullrank.proto.v1.TestErrorCurve;
import io.fullrank.proto.v1.TestErrorPoint;
import io.fullrank.proto.v1.Variant;
import java.util.List;
import org.junit.jupiter.api.Test;

class TestErrorCurvesTest {

  private final HeldPartitions held =
      InMemory.heldPartitions(new RunChanges(), new TestClock(InMemory.NOW));
  private final RunPartition partition = held.partition(0).orElseThrow();

  @Test
  void isTheMeanOverTheRunsThatHaveComeThatFar() {
    submit(Records.request("a", "e", Variant.VARIANT_TWO_PHASE, 1), 0.5, 0.25, 0.125);
    submit(Records.request("b", "e", Variant.VARIANT_TWO_PHASE, 2), 1, 0.75);
    submit(Records.request("c", "e", Variant.VARIANT_TWO_PHASE, 3));

    CompareTestErrorsResponse compared = compare(9, "a", "b", "c");
    assertThat(compared.getTwoPhase())
        .isEqualTo(
            TestErrorCurve.newBuilder()
                .setRuns(2)
                .addPoints(TestErrorPoint.newBuilder().setStep(10).setMean(0.75))
                .addPoints(TestErrorPoint.newBuilder().setStep(20).setMean(0.5))
                .addPoints(TestErrorPoint.newBuilder().setStep(30).setMean(0.125))
                .build());
    assertThat(compared.getBase()).isEqualTo(TestErrorCurve.getDefaultInstance());
    assertThat(compare(2, "a", "b").getTwoPhase().getPointsList())
        .extracting(TestErrorPoint::getStep)
        .containsExactly(10L, 30L);
  }

  @Test
  void leavesOutStepsAtWhichAnExternalRunMeasuredNone() {
    RunRequest request = Records.external("x", "e", Variant.VARIANT_BASE, 1);
    submit(request, 0.5, 0.25);
    apply(
        new RunRecord.Reported(
            Records.event("x", 1)
                .setProgress(Progress.newBuilder().setStep(25).setBatchLoss(0.1))
                .build()));

    assertThat(compare(9, "x").getBase().getPointsList())
        .extracting(TestErrorPoint::getStep, TestErrorPoint::getMean)
        .containsExactly(tuple(10L, 0.5), tuple(20L, 0.25));
  }

  private CompareTestErrorsResponse compare(int points, String... runs) {
    return TestErrorCurves.of(
        List.of(runs).stream().map(run -> partition.run(run).orElseThrow()).toList(),
        request -> StepLists.list(partition, request),
        points);
  }

  /** Puts a run in that reported test errors at steps 10, 20 and so on. */
  private void submit(RunRequest request, double... errors) {
    apply(new RunRecord.Requested(request));
    for (int i = 0; i < errors.length; i++) {
      Progress progress =
          Progress.newBuilder().setStep(10 * (i + 1)).setTestError(errors[i]).build();
      apply(
          new RunRecord.Reported(Records.event(request.getRun(), 1).setProgress(progress).build()));
    }
  }

  private void apply(RunRecord record) {
    held.apply(0, record);
  }
}
