package io.fullrank.cli.chaos;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FakedClocksTest {

  @TempDir Path folder;

  @Test
  void areSetAheadAndBackForOneProcessAlone() throws Exception {
    Optional<FakedClocks> found = FakedClocks.in(folder);
    assumeTrue(found.isPresent(), "no libfaketime");
    FakedClocks clocks = found.get();

    clocks.restore("one");
    assertThat(secondsApart(clocks)).isCloseTo(0, Offset.offset(20L));
    clocks.ahead("one");
    assertThat(secondsApart(clocks)).isCloseTo(60, Offset.offset(20L));
    clocks.back("one");
    assertThat(secondsApart(clocks)).isCloseTo(-60, Offset.offset(20L));
    clocks.restore("one");
    assertThat(secondsApart(clocks)).isCloseTo(0, Offset.offset(20L));
  }

  private static long secondsApart(FakedClocks clocks) throws Exception {
    Process process = new ProcessBuilder(clocks.with("one", List.of("date", "+%s"))).start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    return Long.parseLong(said.strip()) - Instant.now().getEpochSecond();
  }
}
