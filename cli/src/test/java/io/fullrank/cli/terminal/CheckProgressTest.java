package io.fullrank.cli.terminal;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class CheckProgressTest {

  private static final long SECOND = 1_000_000_000;

  private final AtomicLong now = new AtomicLong();
  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
  private final PrintStream out = new PrintStream(bytes, true, StandardCharsets.UTF_8);

  @Test
  void aTerminalShowsPartRateAndTimeLeft() {
    CheckProgress progress = new CheckProgress(out, true, now::get);
    progress.report("elimination", 0, 4e12);
    now.set(10 * SECOND);
    progress.report("elimination", 1e12, 4e12);
    progress.end();
    assertThat(shown())
        .isEqualTo(
            "\r\u001b[Kelimination  █████░░░░░░░░░░░░░░░  25 %  200 GFLOP/s  30 s left\r\u001b[K");
  }

  @Test
  void rowsAreCountedAndMinutesAndHoursNamed() {
    CheckProgress progress = new CheckProgress(out, true, now::get);
    progress.report("residues", 0, 60_000);
    now.set(10 * SECOND);
    progress.report("residues", 5_000, 60_000);
    now.set(20 * SECOND);
    progress.report("residues", 5_001, 2_000_000);
    assertThat(shown()).contains("500 rows/s  1 min 50 s left").contains("250 rows/s  2 h 12 min");
  }

  @Test
  void aStageThatIsOverAtOnceIsNotShown() {
    CheckProgress progress = new CheckProgress(out, true, now::get);
    progress.report("structure", 64, 128);
    now.set(SECOND / 2);
    progress.report("structure", 128, 128);
    progress.end();
    assertThat(shown()).isEmpty();
  }

  @Test
  void aPipeGetsNothing() {
    CheckProgress progress = new CheckProgress(out, false, now::get);
    progress.report("check", 0, 10);
    now.set(5 * SECOND);
    progress.report("check", 5, 10);
    progress.end();
    assertThat(shown()).isEmpty();
  }

  private String shown() {
    return bytes.toString(StandardCharsets.UTF_8);
  }
}
