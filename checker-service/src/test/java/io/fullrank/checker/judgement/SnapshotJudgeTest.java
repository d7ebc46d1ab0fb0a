package io.fullrank.checker.judgement;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.checker.OnlyCheck;
import io.fullrank.checker.ScriptedCheck;
import io.fullrank.checker.StrokesSnapshots;
import io.fullrank.checker.TestSnapshots;
import io.fullrank.checker.check.NotCheckableException;
import io.fullrank.checker.check.SnapshotCheck;
import io.fullrank.proto.v1.Certificate;
import io.fullrank.proto.v1.CertificateStage;
import io.fullrank.proto.v1.Histogram;
import io.fullrank.proto.v1.Measure;
import io.fullrank.proto.v1.MeasureKind;
import io.fullrank.proto.v1.Outcome;
import io.fullrank.proto.v1.Snapshot;
import io.fullrank.proto.v1.Verdict;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SnapshotJudgeTest {

  private static final Measure RANK =
      Measure.newBuilder()
          .setName("effective-rank")
          .setLayer("hidden.1")
          .setValue(31.5)
          .setUnit("1")
          .setKind(MeasureKind.MEASURE_KIND_ESTIMATE)
          .build();

  @TempDir Path dataDirectory;

  private final Snapshot snapshot = StrokesSnapshots.snapshot("run", 120);

  @Test
  void eachCheckGivesItsVerdictWhateverBecomesOfTheOthers() {
    List<Verdict> verdicts =
        judge(
            ScriptedCheck.of(
                "first",
                given -> {
                  throw new IllegalStateException("the disk is on fire");
                }),
            ScriptedCheck.of(
                "second",
                given -> {
                  throw new StackOverflowError("too deep");
                }),
            ScriptedCheck.of("third", given -> null),
            ScriptedCheck.of("fourth", given -> Verdict.newBuilder().addMeasures(RANK)));

    assertThat(verdicts)
        .extracting(Verdict::getCheck)
        .containsExactly("first", "second", "third", "fourth");
    assertThat(verdicts.subList(0, 3))
        .allMatch(failed -> failed.getCertificate().getOutcome() == Outcome.OUTCOME_UNDETERMINED)
        .allMatch(failed -> failed.getCertificate().getReason().startsWith("the check failed: "));
    assertThat(verdicts.get(0).getCertificate().getReason()).contains("the disk is on fire");
    assertThat(verdicts.get(3).hasCertificate()).isFalse();
    assertThat(verdicts.get(3).getMeasuresList()).containsExactly(RANK);
  }

  @Test
  void aCheckThatFindsNothingSaysSo() {
    Verdict verdict = judge(ScriptedCheck.of("check", given -> Verdict.newBuilder())).get(0);

    assertThat(verdict.getCertificate().getOutcome()).isEqualTo(Outcome.OUTCOME_UNDETERMINED);
    assertThat(verdict.getCertificate().getReason()).isEqualTo("the check found nothing");
  }

  @Test
  void onlyWhatIsChosenIsMade() {
    SnapshotCheck one = ScriptedCheck.of("one", given -> Verdict.newBuilder().addMeasures(RANK));
    SnapshotCheck other =
        ScriptedCheck.of("other", given -> Verdict.newBuilder().addMeasures(RANK));

    List<Verdict> verdicts =
        OnlyCheck.judge(dataDirectory, one, other)
            .judge(TestSnapshots.judgedBy(snapshot, "other", "com.example.sparsity"));

    assertThat(verdicts)
        .extracting(Verdict::getCheck)
        .containsExactly("other", "com.example.sparsity");
    assertThat(verdicts.get(1).getCertificate().getOutcome())
        .isEqualTo(Outcome.OUTCOME_UNDETERMINED);
    assertThat(verdicts.get(1).getCertificate().getReason())
        .isEqualTo(
            "this checker has no check com.example.sparsity: put its jar into the folder"
                + " fullrank.checker.plugins");
  }

  @Test
  void aCheckThatCannotStartSaysWhatIsMissing() {
    ScriptedCheck factors =
        new ScriptedCheck(
            "check", Set.of(SnapshotCheck.Need.FACTORS), given -> Verdict.newBuilder());

    Verdict verdict = judge(factors).get(0);

    assertThat(verdict.getCertificate().getOutcome()).isEqualTo(Outcome.OUTCOME_UNDETERMINED);
    assertThat(verdict.getCertificate().getReason())
        .isEqualTo(
            "the snapshot carries weights and features, and this check needs factors of the"
                + " Jacobian");
  }

  @Test
  void whoSaysWhatOfWhichSnapshotIsNotTheChecksToSay() {
    Verdict verdict =
        judge(
                ScriptedCheck.of(
                    "check",
                    given ->
                        Verdict.newBuilder()
                            .addMeasures(RANK)
                            .setRun("other")
                            .setAttempt(9)
                            .setStep(99)
                            .setCheck("expressivity")
                            .setChecker("someone")
                            .setWitness(true)))
            .get(0);

    assertThat(verdict.getRun()).isEqualTo("run");
    assertThat(verdict.getAttempt()).isEqualTo(1);
    assertThat(verdict.getStep()).isEqualTo(1);
    assertThat(verdict.getCheck()).isEqualTo("check");
    assertThat(verdict.getChecker()).isEqualTo("checker");
    assertThat(verdict.getWitness()).isFalse();
  }

  @Test
  void checksShareWhatFollowsFromASnapshot() {
    AtomicReference<Matrix> first = new AtomicReference<>();

    List<Verdict> verdicts =
        judge(
            ScriptedCheck.of("one", given -> sees(first, given::features)),
            ScriptedCheck.of("other", given -> sees(first, given::features)));

    assertThat(verdicts).allMatch(verdict -> verdict.getExamples() == StrokesSnapshots.ROWS);
  }

  private interface FeatureSource {
    Matrix features() throws NotCheckableException;
  }

  private static Verdict.Builder sees(AtomicReference<Matrix> first, FeatureSource source) {
    try {
      Matrix features = source.features();
      first.compareAndSet(null, features);
      assertThat(features).isSameAs(first.get());
      return Verdict.newBuilder().addMeasures(RANK).setExamples(features.rows());
    } catch (NotCheckableException unexpected) {
      throw new AssertionError(unexpected);
    }
  }

  @Test
  void aVerdictFitsIntoARecordWhateverACheckFinds() {
    Measure endless = RANK.toBuilder().setLayer("l".repeat(5000)).build();
    Measure undefined = RANK.toBuilder().setValue(Double.NaN).build();
    Histogram uneven = Histogram.newBuilder().setName("margin").addCounts(1).build();

    Verdict verdict =
        judge(
                ScriptedCheck.of(
                    "check",
                    given ->
                        Verdict.newBuilder()
                            .setCertificate(
                                Certificate.newBuilder()
                                    .setOutcome(Outcome.OUTCOME_CERTIFIED)
                                    .setReason("r".repeat(100_000))
                                    .setBackend("b".repeat(100_000))
                                    .addAllPrimes(Collections.nCopies(100_000, 7))
                                    .addStages(
                                        CertificateStage.newBuilder().setName("s".repeat(100_000))))
                            .setFeaturesSha256(ByteString.copyFrom(new byte[100_000]))
                            .addAllMeasures(Collections.nCopies(2500, RANK))
                            .addMeasures(0, endless)
                            .addMeasures(0, undefined)
                            .addHistograms(uneven)
                            .addAllLayers(Collections.nCopies(2000, "layer"))))
            .get(0);

    assertThat(verdict.getSerializedSize()).isLessThan(130 << 10);
    assertThat(verdict.getMeasuresList()).hasSize(2000).containsOnly(RANK);
    assertThat(verdict.getHistogramsList()).isEmpty();
    assertThat(verdict.getCertificate().getOutcome()).isEqualTo(Outcome.OUTCOME_CERTIFIED);
    assertThat(verdict.getCertificate().getReason())
        .hasSizeLessThan(1300)
        .endsWith(
            "; left out: 502 of 2502 measures, 1 of 1 histograms, 1000 of 2000 names of layers");
  }

  @Test
  void whatIsTooLongAsAWholeIsLeftOutAsAWhole() {
    Histogram fine =
        Histogram.newBuilder()
            .setName("margin")
            .setLayer("l".repeat(100))
            .addAllEdges(Collections.nCopies(257, 1.5))
            .addAllCounts(Collections.nCopies(256, Long.MAX_VALUE))
            .build();

    Verdict verdict =
        judge(
                ScriptedCheck.of(
                    "check",
                    given ->
                        Verdict.newBuilder()
                            .addMeasures(RANK)
                            .addAllHistograms(Collections.nCopies(100, fine))
                            .addAllMeasures(
                                Collections.nCopies(
                                    1900, RANK.toBuilder().setLayer("l".repeat(100)).build()))))
            .get(0);

    assertThat(verdict.getSerializedSize()).isLessThan(2000);
    assertThat(verdict.getCertificate().getReason()).contains("too long together");
  }

  private List<Verdict> judge(SnapshotCheck... checks) {
    String[] names = Stream.of(checks).map(SnapshotCheck::name).toArray(String[]::new);
    return OnlyCheck.judge(dataDirectory, checks).judge(TestSnapshots.judgedBy(snapshot, names));
  }
}
