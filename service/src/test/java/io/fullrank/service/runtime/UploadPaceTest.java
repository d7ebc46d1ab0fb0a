package io.fullrank.service.runtime;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.Test;

class UploadPaceTest {

  private static final Duration MINUTE = Duration.ofMinutes(1);
  private static final UploadPace START = UploadPace.atStart(MINUTE);

  @Test
  void waitsForTheFirstPieceAsLongAsForAnyOther() {
    assertThat(START.patience()).isEqualTo(MINUTE);
    assertThat(START.isSlow()).isFalse();
  }

  @Test
  void endsWithAClientThatSendsAByteNowAndThen() {
    UploadPace pace = START;
    Duration total = Duration.ZERO;
    while (!pace.patience().isNegative() && !pace.patience().isZero()) {
      Duration wait = Duration.ofSeconds(59);
      total = total.plus(wait.compareTo(pace.patience()) < 0 ? wait : pace.patience());
      pace = pace.after(wait, 1);
    }
    assertThat(pace.isSlow()).isTrue();
    assertThat(total).isBetween(MINUTE, MINUTE.plusSeconds(1));
  }

  /** A gibibyte over a line of 1 Mbit/s, with a break of half a minute in the middle. */
  @Test
  void lastsForAnHonestClientOnASlowLine() {
    UploadPace pace = START;
    for (int second = 0; second < 8192; second++) {
      Duration wait = Duration.ofSeconds(second == 4096 ? 30 : 1);
      assertThat(pace.patience()).isGreaterThan(wait);
      pace = pace.after(wait, 128 << 10);
    }
    assertThat(pace.bytes()).isEqualTo(1L << 30);
    // What has been saved does not make a single wait longer.
    assertThat(pace.patience()).isEqualTo(MINUTE);
  }

  @Test
  void givesEachByteItsTime() {
    Duration second = Duration.ofSeconds(1);
    assertThat(START.after(MINUTE, 3 * UploadPace.LEAST_BYTES_PER_SECOND / 2).patience())
        .isEqualTo(second.plusMillis(500));
    assertThat(START.after(MINUTE.plusSeconds(9), Long.MAX_VALUE / 2).patience()).isEqualTo(MINUTE);
  }
}
