package io.fullrank.cli.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import io.fullrank.cli.CommandRun;
import io.fullrank.cli.chaos.Fault.Kind;
import java.time.Duration;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

class FaultTest {

  private static final Duration MINUTE = Duration.ofSeconds(60);
  private static final Set<Kind> ALL = EnumSet.allOf(Kind.class);

  @Test
  void followFromTheirSeed() {
    assertThat(Fault.sequence(7, 100, MINUTE, ALL))
        .isEqualTo(Fault.sequence(7, 100, MINUTE, ALL))
        .isNotEqualTo(Fault.sequence(8, 100, MINUTE, ALL));
  }

  @Test
  void areOfAllKindsInEachRound() {
    List<Fault> faults = Fault.sequence(7, 900, MINUTE, ALL);

    for (int round = 0; round < 900; round += 9) {
      assertThat(faults.subList(round, round + 9))
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
  void areOnlyOfKindsThatCanBeBroughtAbout() {
    assertThat(Fault.sequence(7, 50, MINUTE, EnumSet.of(Kind.KILL, Kind.SLOW)))
        .extracting(Fault::kind)
        .containsOnly(Kind.KILL, Kind.SLOW);
  }

  @Test
  void saysWhatIsWrongWithAnOption() {
    assertThat(CommandRun.of("bench", "chaos", "--faults=0").err())
        .startsWith("fullrank: --faults must be at least 1, not 0");
    assertThat(CommandRun.of("bench", "chaos", "--longest=4").err())
        .startsWith("fullrank: --longest must be at least 5, not 4");
    assertThat(CommandRun.of("bench", "chaos", "--calls=-1").err())
        .startsWith("fullrank: --calls must be at least 0, not -1");
  }
}
