package io.fullrank.network.training;

import static org.assertj.core.api.Assertions.assertThat;

import io.fullrank.network.data.DataSet;
import io.fullrank.network.data.DataSets;
import io.fullrank.network.experiment.ExperimentFile;
import io.fullrank.network.state.TrainingCheckpoint;
import io.fullrank.proto.v1.Certificate;
import io.fullrank.proto.v1.ExperimentSpec;
import io.fullrank.proto.v1.Outcome;
import io.fullrank.proto.v1.Phase;
import io.fullrank.proto.v1.Progress;
import io.fullrank.proto.v1.RuleAction;
import io.fullrank.proto.v1.RuleEvent;
import io.fullrank.proto.v1.RunResult;
import io.fullrank.proto.v1.RunState;
import io.fullrank.proto.v1.Variant;
import io.fullrank.proto.v1.Verdict;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import org.junit.jupiter.api.Test;

/** What rules do to a run, with verdicts that come at once: on the next snapshot they count. */
class RulesInTrainingTest {

  private static final Path MINIMAL =
      Path.of("src/test/resources/io/fullrank/network/experiment/valid-minimal.yaml");

  // Five steps an epoch, forty in all, a snapshot each epoch; the switch is at step 24.
  private static final String[] SMALL = {
    "dataset={name: strokes, train: 40, test: 20}",
    "network.widths=[12, 60]",
    "algorithm={sgd: {batch-size: 8, learning-rate: 0.01}}",
    "epochs=8"
  };

  @Test
  void stopsARunWhoseLossDiverges() {
    Case run =
        new Case(
            Variant.VARIANT_BASE,
            "algorithm={sgd: {batch-size: 8, learning-rate: 3, schedule: constant}}",
            "rules=[{when: loss-diverged, threshold: 1.01, do: stop}]");
    Recorder recorder = run.recorder();

    RunResult result = run.train(recorder);

    assertThat(result.getState()).isEqualTo(RunState.RUN_STATE_CANCELLED);
    assertThat(recorder.ruleEvents).hasSize(1);
    RuleEvent event = recorder.ruleEvents.get(0);
    Progress last = recorder.progress.get(recorder.progress.size() - 1);
    assertThat(event.getStep())
        .isEqualTo(result.getSteps())
        .isEqualTo(last.getStep())
        .isLessThan(40);
    assertThat(event.getValue()).isEqualTo(last.getTrainLoss()).isGreaterThan(event.getLimit());
    assertThat(result.getFinalTrainLoss()).isEqualTo(last.getTrainLoss());
    assertThat(result.getTestError()).isEqualTo(last.getTestError());
    assertThat(result.getReason())
        .startsWith(
            "a rule stopped the run at step %d of 40: the training loss".formatted(last.getStep()));
    // The weights as they are.
    assertThat(recorder.snapshotSteps()).endsWith(result.getSteps());
  }

  @Test
  void perturbsPhaseOneWhenACertificateLapsesAndGoesOn() {
    Case run =
        new Case(
            Variant.VARIANT_TWO_PHASE,
            "rules=[{when: certificate-lapsed, do: perturb, noise: 0.1}]");
    Recorder recorder = run.recorder().judge(refuted(10L));

    RunResult result = run.train(recorder);

    assertThat(result.getState()).isEqualTo(RunState.RUN_STATE_FINISHED);
    assertThat(result.getGuarantee().getReason()).isEmpty();
    assertThat(recorder.ruleEvents)
        .singleElement()
        .satisfies(
            event -> {
              assertThat(event.getAction()).isEqualTo(RuleAction.RULE_ACTION_PERTURB);
              assertThat(event.getObservedStep()).isEqualTo(10);
              assertThat(event.getStep()).isEqualTo(15);
              assertThat(event.getText())
                  .isEqualTo(
                      "expressivity certified an earlier snapshot; that of step 10 is REFUTED; the"
                          + " hidden layers are perturbed");
            });
    assertThat(recorder.snapshotSteps()).doesNotHaveDuplicates();
    List<Recorder.Taken> witnesses =
        recorder.snapshots.stream().filter(Recorder.Taken::witness).toList();
    assertThat(witnesses)
        .singleElement()
        .satisfies(
            witness -> {
              assertThat(witness.step()).isEqualTo(15);
              assertThat(witness.phase()).isEqualTo(Phase.PHASE_ONE);
            });

    // The same run without the rule has the same weights before it, and others from there on.
    Recorder without = run.without("rules=[]").recorder();
    run.without("rules=[]").train(without);
    assertThat(recorder.snapshots.get(1).weights()).isEqualTo(without.snapshots.get(1).weights());
    assertThat(recorder.snapshots.get(2).weights())
        .isNotEqualTo(without.snapshots.get(2).weights());
    // The output layer is not perturbed.
    assertThat(witnesses.get(0).weights())
        .filteredOn(tensor -> tensor.getName().startsWith("output."))
        .isNotEmpty()
        .isSubsetOf(without.snapshots.get(2).weights());
  }

  @Test
  void phaseTwoIsNotPerturbed() {
    Case run =
        new Case(Variant.VARIANT_TWO_PHASE, "rules=[{when: certificate-lapsed, do: perturb}]");
    // Of the switch's epoch and of one after it.
    Recorder recorder = run.recorder().judge(refuted(20L, 30L));

    assertThat(run.train(recorder).getState()).isEqualTo(RunState.RUN_STATE_FINISHED);

    assertThat(recorder.ruleEvents).isEmpty();
  }

  @Test
  void stopsPhaseTwoWithoutSayingThatABoundForItsEndHeld() {
    Case run =
        new Case(
            Variant.VARIANT_TWO_PHASE,
            "two-phase.solver=gradient-descent",
            "rules=[{when: certificate-lapsed, do: stop}]");
    Recorder recorder = run.recorder().judge(refuted(30L));

    RunResult result = run.train(recorder);

    assertThat(result.getState()).isEqualTo(RunState.RUN_STATE_CANCELLED);
    assertThat(result.getSteps()).isEqualTo(35);
    assertThat(result.getGuarantee().hasLossBound()).isTrue();
    assertThat(result.getGuarantee().hasHeld()).isFalse();
    assertThat(result.getGuarantee().hasOptimalityGap()).isTrue();
  }

  @Test
  void keepsACheckpointOnce() {
    Case run = new Case(Variant.VARIANT_BASE, "rules=[{when: certificate-lapsed, do: checkpoint}]");
    Recorder whole = run.recorder().judge(refuted(10L, 20L));

    RunResult result = run.train(whole);

    assertThat(whole.ruleEvents).extracting(RuleEvent::getStep).containsExactly(15L);
    assertThat(whole.kept).hasSize(1);
    // It is a checkpoint like any other, from which the run goes on with the same bits.
    Recorder resumed = run.recorder().judge(refuted(20L));
    assertThat(run.resume(whole.kept.get(0), resumed).getFinalTrainLoss())
        .isEqualTo(result.getFinalTrainLoss());
    assertThat(resumed.ruleEvents).isEmpty();
  }

  /** From a checkpoint after a perturbation: the same bits, and what was done is not done again. */
  @Test
  void goesOnAfterAPerturbationWithTheSameBits() {
    Case run =
        new Case(
            Variant.VARIANT_TWO_PHASE,
            "rules=[{when: certificate-lapsed, do: perturb}, {when: certificate-lapsed, do:"
                + " checkpoint}]");
    Recorder whole = run.recorder().judge(refuted(10L, 15L)).keepCheckpointsAt(15, 17);
    RunResult expected = run.train(whole);
    assertThat(whole.ruleEvents).extracting(RuleEvent::getStep).containsExactly(15L, 15L, 20L);

    for (TrainingCheckpoint checkpoint : whole.checkpoints) {
      Recorder resumed = run.recorder().judge(refuted(15L));
      if (checkpoint.position().getStep() == 15 || checkpoint.position().getStep() == 17) {
        // The verdict on step 15 comes to the later attempt.
        resumed.verdicts.add(refuted(15L).verdictOn(15));
      }
      RunResult result = run.resume(checkpoint, resumed);
      assertThat(result.toBuilder().clearSeconds().build())
          .isEqualTo(expected.toBuilder().clearSeconds().build());
      assertThat(resumed.ruleEvents).extracting(RuleEvent::getStep).containsExactly(20L);
      List<Recorder.Taken> rest =
          whole.snapshots.subList(
              whole.snapshots.size() - resumed.snapshots.size(), whole.snapshots.size());
      assertThat(resumed.snapshots).isEqualTo(rest);
    }
  }

  /** A verdict at once on each snapshot, certified but for some steps. */
  private record Refuted(Set<Long> steps) implements Function<TrainingSnapshot, Optional<Verdict>> {

    @Override
    public Optional<Verdict> apply(TrainingSnapshot snapshot) {
      return Optional.of(verdictOn(snapshot.step()));
    }

    Verdict verdictOn(long step) {
      return Verdict.newBuilder()
          .setStep(step)
          .setCheck("expressivity")
          .setCertificate(
              Certificate.newBuilder()
                  .setOutcome(
                      steps.contains(step) ? Outcome.OUTCOME_REFUTED : Outcome.OUTCOME_CERTIFIED))
          .build();
    }
  }

  private static Refuted refuted(Long... steps) {
    return new Refuted(Set.of(steps));
  }

  private static final class Case {
    private final Variant variant;
    private final String[] overrides;
    private final ExperimentSpec spec;
    private final DataSet data;

    Case(Variant variant, String... overrides) {
      this.variant = variant;
      this.overrides = overrides;
      List<String> all = new ArrayList<>(List.of(SMALL));
      all.addAll(List.of(overrides));
      spec = ExperimentFile.read(MINIMAL, all);
      data = DataSets.load(spec.getDataSet(), Path.of("not-needed"));
    }

    Case without(String override) {
      List<String> all = new ArrayList<>(List.of(overrides));
      all.add(override);
      return new Case(variant, all.toArray(String[]::new));
    }

    Recorder recorder() {
      return new Recorder(spec, data);
    }

    RunResult train(Recorder recorder) {
      return new TrainingRun(spec, variant, 1, data).train(recorder);
    }

    RunResult resume(TrainingCheckpoint checkpoint, Recorder recorder) {
      return new TrainingRun(spec, variant, 1, data).resume(checkpoint, recorder);
    }
  }
}
