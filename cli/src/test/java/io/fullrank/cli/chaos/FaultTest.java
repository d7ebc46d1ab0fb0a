package io.fullrank.cli.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import io.fullrank.cli.CommandRun;
import io.fullrank.cli.chaos.Fault.Kind;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

class FaultTest {

  private static final Duration MINUTE = Duration.ofSeconds(60);

  @Test
  void followFromTheirSeed() {
    assertThat(Fault.sequence(7, 100, MINUTE))
        .isEqualTo(Fault.sequence(7, 100, MINUTE))
        .isNotEqualTo(Fault.sequence(8, 100, MINUTE));
  }

  @Test
  void areOfAllKindsInEachRound() {
    List<Fault> faults = Fault.sequence(7, 600, MINUTE);

    for (int round = 0; round < 600; round += 6) {
      assertThat(faults.subList(round, round + 6))
          .extracting(Fault::kind)
          .containsExactlyInAnyOrder(Kind.values());
    }
    assertThat(faults)
        .filteredOn(fault -> fault.kind() == Kind.KILL)
        .extracting(Fault::target)
        .containsAll(StackUnderTest.PROCESSES);
    assertThat(faults)
        .filteredOn(fault -> fault.kind() == Kind.STOP)
        .extracting(Fault::lasts)
        .allMatch(lasts -> lasts.toMillis() >= 5000 && lasts.compareTo(MINUTE) <= 0)
        .anyMatch(lasts -> lasts.toSeconds() > 50);
  }

  @Test
  void saysWhatIsWrongWithAnOption() {
    assertThat(CommandRun.of("bench", "chaos", "--faults=0").err())
        .startsWith("fullrank: --faults must be at least 1, not 0");
    assertThat(CommandRun.of("bench", "chaos", "--longest=4").err())
        .startsWith("fullrank: --longest must be at least 5, not 4");
  }
}
