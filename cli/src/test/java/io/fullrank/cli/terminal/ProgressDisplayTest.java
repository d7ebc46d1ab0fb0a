package io.fullrank.cli.terminal;

import static org.assertj.core.api.Assertions.assertThat;

import io.fullrank.cli.SampleRuns;
import io.fullrank.proto.v1.RuleAction;
import io.fullrank.proto.v1.RuleCondition;
import io.fullrank.proto.v1.Run;
import io.fullrank.proto.v1.RunState;
import io.fullrank.proto.v1.Statement;
import io.fullrank.proto.v1.Variant;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class ProgressDisplayTest {

  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
  private final PrintStream out = new PrintStream(bytes, true, StandardCharsets.UTF_8);
  private final AtomicLong clock = new AtomicLong();

  @Test
  void drawsABarAndWhatIsKnownOfARun() {
    Run run =
        SampleRuns.running(Variant.VARIANT_TWO_PHASE, 3, 300).toBuilder()
            .setLatestVerdict(SampleRuns.certified(240, 0.0019999, 481.26))
            .build();

    assertThat(RunLine.withBar(run))
        .isEqualTo(
            "two-phase seed 3    ███████████████░░░░░  phase 2    epoch  30.0/40  loss 0.143   "
                + "  test error  7.3%  CERTIFIED, σ_min ≥ 0.00199 at step 240");
  }

  @Test
  void saysOfAnExternalRunWhatItMeasuredAndThatItIsSilent() {
    Run run = SampleRuns.external(Variant.VARIANT_TWO_PHASE, 3);
    assertThat(RunLine.plain(run))
        .isEqualTo("two-phase seed 3    stalled    step 300  loss 0.143 (mini-batch)");

    // Not every step measures all.
    Run measured =
        run.toBuilder()
            .setStalled(false)
            .setLatestFigures(run.getProgress().toBuilder().setTestError(0.0731))
            .setHeader(run.getHeader().toBuilder().setTotalSteps(400))
            .build();
    assertThat(RunLine.plain(measured))
        .isEqualTo(
            "two-phase seed 3    phase 1    step 300/400  loss 0.143 (mini-batch)  test error  7.3%");
    assertThat(RunLine.certificate(run.getWitnessVerdict()))
        .isEqualTo("CERTIFIED, σ_min ≥ 0.105 at step 240, features as computed by the client");
  }

  @Test
  void saysWhatARuleDidLast() {
    Run.Builder run = SampleRuns.running(Variant.VARIANT_TWO_PHASE, 3, 300).toBuilder();
    run.addRuleEventsBuilder().setStep(100);
    run.addRuleEventsBuilder()
        .setCondition(RuleCondition.RULE_CONDITION_CERTIFICATE_LAPSED)
        .setAction(RuleAction.RULE_ACTION_PERTURB)
        .setStep(250);
    assertThat(RunLine.plain(run.build())).endsWith("  certificate-lapsed: perturb at step 250");
  }

  @Test
  void saysFromWhichStepACertificateWasCarriedOver() {
    assertThat(
            RunLine.certificate(
                SampleRuns.certified(300, 0.5, 481).toBuilder().setCarriedFromStep(240).build()))
        .isEqualTo("CERTIFIED, σ_min ≥ 0.5 at step 300, carried from step 240");
  }

  @Test
  void saysThatACertificateSpeaksOfTheExactNetwork() {
    assertThat(
            RunLine.certificate(
                SampleRuns.certified(300, 0.5, 481).toBuilder()
                    .setStatement(Statement.STATEMENT_EXACT_NETWORK)
                    .build()))
        .isEqualTo("CERTIFIED, σ_min ≥ 0.5 at step 300, exact network");
  }

  @Test
  void drawsTheLinesAgainInTheirPlace() {
    try (TerminalProgress progress = new TerminalProgress(out, 24)) {
      progress.show(
          List.of(
              SampleRuns.running(Variant.VARIANT_BASE, 1, 100),
              SampleRuns.pending(Variant.VARIANT_TWO_PHASE, 1)));
      bytes.reset();
      progress.show(
          List.of(
              SampleRuns.running(Variant.VARIANT_BASE, 1, 200),
              SampleRuns.pending(Variant.VARIANT_TWO_PHASE, 1)));
    }

    assertThat(text())
        .startsWith("\u001b[?7l\u001b[2A\r")
        .endsWith("\u001b[J\u001b[?7h")
        .contains("epoch  20.0/40")
        .contains("pending");
    assertThat(text()).containsPattern("(?s)^[^\n]*\n[^\n]*\n[^\n]*$");
  }

  @Test
  void staysWithinTheTerminal() {
    List<Run> runs = new ArrayList<>();
    for (int seed = 0; seed < 30; seed++) {
      runs.add(SampleRuns.finished(Variant.VARIANT_BASE, seed, 0.1, 0.1));
    }
    runs.add(SampleRuns.running(Variant.VARIANT_BASE, 77, 100));
    runs.add(SampleRuns.pending(Variant.VARIANT_BASE, 78));

    try (TerminalProgress progress = new TerminalProgress(out, 10)) {
      progress.show(runs);
    }

    assertThat(text()).contains("seed 77").contains("32 runs in all: 30 ended, 1 waiting");
    assertThat(text().lines().count()).isLessThanOrEqualTo(10);
  }

  @Test
  void writesALineIntoAPipeWhenARunChangesStateOrPhase() {
    try (PlainProgress progress = new PlainProgress(out, clock::get)) {
      progress.show(List.of(SampleRuns.pending(Variant.VARIANT_TWO_PHASE, 1)));
      progress.show(List.of(SampleRuns.running(Variant.VARIANT_TWO_PHASE, 1, 10)));
      progress.show(List.of(SampleRuns.running(Variant.VARIANT_TWO_PHASE, 1, 20)));
      progress.show(List.of(SampleRuns.running(Variant.VARIANT_TWO_PHASE, 1, 240)));
      progress.show(List.of(SampleRuns.finishedTwoPhase(1, 0.1, 0.1, SampleRuns.limit(0.1))));
    }

    assertThat(text().lines()).hasSize(3);
    assertThat(text()).contains("phase 1", "phase 2", "finished").doesNotContain("\u001b");
  }

  @Test
  void namesTheExperimentWhereThereAreSeveral() {
    Run.Builder other = SampleRuns.running(Variant.VARIANT_BASE, 1, 10).toBuilder();
    other.getRequestBuilder().setExperiment("e-1").setRun("e-1.base.1");
    List<Run> runs = List.of(SampleRuns.running(Variant.VARIANT_BASE, 1, 10), other.build());

    try (PlainProgress plain = new PlainProgress(out, clock::get);
        TerminalProgress terminal = new TerminalProgress(out, 24)) {
      plain.show(runs);
      terminal.show(runs);
    }

    assertThat(text().lines().filter(line -> line.contains("strokes-0a1b2c  base "))).hasSize(2);
    assertThat(text().lines().filter(line -> line.contains("e-1             base "))).hasSize(2);
  }

  @Test
  void writesALineIntoAPipeNowAndThen() {
    try (PlainProgress progress = new PlainProgress(out, clock::get)) {
      progress.show(List.of(SampleRuns.running(Variant.VARIANT_BASE, 1, 10)));
      clock.addAndGet(Duration.ofSeconds(11).toNanos());
      progress.show(List.of(SampleRuns.running(Variant.VARIANT_BASE, 1, 10)));
      progress.show(List.of(SampleRuns.running(Variant.VARIANT_BASE, 1, 20)));
    }

    assertThat(text().lines()).hasSize(2);
  }

  @Test
  void saysWhyARunFailed() {
    Run.Builder failed = SampleRuns.running(Variant.VARIANT_BASE, 1, 10).toBuilder();
    failed.setState(RunState.RUN_STATE_FAILED).getResultBuilder().setReason("no memory");

    assertThat(RunLine.plain(failed.build())).contains("failed").endsWith("no memory");
  }

  private String text() {
    return bytes.toString(StandardCharsets.UTF_8);
  }
}
