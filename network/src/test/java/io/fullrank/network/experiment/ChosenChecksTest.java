package io.fullrank.network.experiment;

import static org.assertj.core.api.Assertions.assertThat;

import io.fullrank.proto.v1.Checks;
import io.fullrank.proto.v1.ExperimentSpec;
import io.fullrank.proto.v1.ExpressivityParameters;
import io.fullrank.proto.v1.JacobianFactors;
import io.fullrank.proto.v1.NamedCheck;
import io.fullrank.proto.v1.Snapshot;
import io.fullrank.proto.v1.SnapshotPolicy;
import io.fullrank.proto.v1.TangentKernelParameters;
import io.fullrank.proto.v1.Tensor;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class ChosenChecksTest {

  private static final Checks EVERY_5 =
      Checks.newBuilder()
          .setExpressivity(ExpressivityParameters.newBuilder().setEveryEpochs(5))
          .addNamed(NamedCheck.newBuilder().setName("com.example.sparsity"))
          .build();

  @Test
  void byDefaultNarrowNetworksAreJudgedByTheirTangentKernelBesides() {
    assertThat(due(ownRun(99))).containsExactly("expressivity");
    assertThat(due(ownRun(98))).containsExactly("expressivity", "tangent-kernel");
  }

  @Test
  void anExternalRunIsJudgedByWhatItSends() {
    Snapshot.Builder narrow = externalRun(64);

    assertThat(due(narrow.clone().setFeatures(Tensor.getDefaultInstance())))
        .containsExactly("expressivity");
    assertThat(due(narrow.clone().setFactors(JacobianFactors.getDefaultInstance())))
        .containsExactly("tangent-kernel");
    assertThat(due(externalRun(99).setFactors(JacobianFactors.getDefaultInstance()))).isEmpty();
    assertThat(due(narrow.clone().setWitness(true))).containsExactly("expressivity");
  }

  @Test
  void whatIsNotNamedIsNotDue() {
    Snapshot.Builder narrow = ownRun(10);
    narrow
        .getHeaderBuilder()
        .getSpecBuilder()
        .setChecks(
            Checks.newBuilder().setTangentKernel(TangentKernelParameters.getDefaultInstance()));
    Snapshot.Builder none = ownRun(10);
    none.getHeaderBuilder().getSpecBuilder().setChecks(Checks.getDefaultInstance());

    assertThat(ChosenChecks.dueAt(narrow.build()))
        .containsExactly(new ChosenChecks.Due("tangent-kernel", true));
    assertThat(due(none)).isEmpty();
  }

  @Test
  void aPeriodIsCountedInEpochsWhateverTheStepsBetweenSnapshots() {
    SnapshotPolicy everyEpoch = SnapshotPolicy.newBuilder().setEveryEpochs(1).build();
    SnapshotPolicy everyTwo = SnapshotPolicy.newBuilder().setEveryEpochs(2).build();
    SnapshotPolicy every30Steps = SnapshotPolicy.newBuilder().setEverySteps(30).build();

    // 8 steps an epoch, 160 in all: multiples of 5 epochs lie at steps 40, 80, 120 and 160.
    assertThat(stepsDue(everyEpoch, 8)).containsExactly(0, 40, 80, 120, 160);
    assertThat(stepsDue(everyTwo, 16)).containsExactly(0, 48, 80, 128, 160);
    assertThat(stepsDue(every30Steps, 30)).containsExactly(0, 60, 90, 120);
  }

  @Test
  void witnessesAndTheLastStepAreAlwaysDue() {
    SnapshotPolicy everyEpoch = SnapshotPolicy.newBuilder().setEveryEpochs(1).build();

    assertThat(due(periodic(everyEpoch).setStep(50))).containsExactly("com.example.sparsity");
    assertThat(due(periodic(everyEpoch).setStep(50).setWitness(true)))
        .containsExactly("expressivity", "com.example.sparsity");
    assertThat(due(periodic(SnapshotPolicy.newBuilder().setEverySteps(159).build()).setStep(160)))
        .contains("expressivity");
  }

  @Test
  void aPeriodThatCannotBeCountedIsEverySnapshot() {
    Snapshot.Builder unknown = periodic(SnapshotPolicy.getDefaultInstance()).setStep(41);
    Snapshot.Builder endless =
        periodic(SnapshotPolicy.newBuilder().setEverySteps(1).build()).setStep(41);
    endless.getHeaderBuilder().clearTotalSteps();

    assertThat(due(unknown)).contains("expressivity");
    assertThat(due(endless)).contains("expressivity");
  }

  private static List<Integer> stepsDue(SnapshotPolicy policy, int interval) {
    return IntStream.rangeClosed(0, 160 / interval)
        .map(i -> i * interval)
        .filter(step -> due(periodic(policy).setStep(step)).contains("expressivity"))
        .boxed()
        .toList();
  }

  private static Snapshot.Builder periodic(SnapshotPolicy policy) {
    Snapshot.Builder snapshot = ownRun(100);
    snapshot
        .getHeaderBuilder()
        .setTotalSteps(160)
        .getSpecBuilder()
        .setEpochs(20)
        .setSnapshots(policy)
        .setChecks(EVERY_5);
    return snapshot;
  }

  /** A run on 100 rows. */
  private static Snapshot.Builder ownRun(int width) {
    Snapshot.Builder snapshot = Snapshot.newBuilder().setStep(8);
    snapshot.getHeaderBuilder().getDataSetBuilder().setTrainRows(100).setInputs(16).setClasses(10);
    ExperimentSpec.Builder spec = snapshot.getHeaderBuilder().getSpecBuilder();
    spec.getNetworkBuilder().getFullyConnectedBuilder().addWidths(width);
    spec.getNetworkBuilder().getFullyConnectedBuilder().getActivationBuilder().getTanhBuilder();
    return snapshot;
  }

  private static Snapshot.Builder externalRun(int width) {
    Snapshot.Builder snapshot = Snapshot.newBuilder().setStep(8);
    snapshot.getHeaderBuilder().getDataSetBuilder().setTrainRows(100);
    snapshot
        .getHeaderBuilder()
        .getSpecBuilder()
        .getNetworkBuilder()
        .getExternalBuilder()
        .setLastHiddenWidth(width);
    return snapshot;
  }

  private static List<String> due(Snapshot.Builder snapshot) {
    return ChosenChecks.dueAt(snapshot.build()).stream().map(ChosenChecks.Due::check).toList();
  }
}
