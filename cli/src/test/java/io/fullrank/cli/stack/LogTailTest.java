package io.fullrank.cli.stack;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class LogTailTest {

  @Test
  void prefersTheRootCauseOfTheLastError() {
    assertThat(
            LogTail.lastError(
                List.of(
                    "10:00:00 ERROR an older one",
                    "Caused by: java.lang.IllegalStateException: older cause",
                    "10:00:01 ERROR Failed to start application",
                    "java.lang.RuntimeException: wrapped",
                    "\tat io.fullrank.Somewhere",
                    "Caused by: java.net.BindException: Address already in use",
                    "\t... 3 more",
                    "10:00:02 INFO stopped")))
        .contains("java.net.BindException: Address already in use");
  }

  @Test
  void takesTheErrorWhereNoCauseFollows() {
    assertThat(LogTail.lastError(List.of("INFO a", "ERROR no disk", "INFO b")))
        .contains("ERROR no disk");
  }

  @Test
  void takesTheLastWordsWhereThereIsNoError() {
    assertThat(LogTail.lastError(List.of("Unrecognized VM option 'X'", " ")))
        .contains("Unrecognized VM option 'X'");
    assertThat(LogTail.lastError(List.of())).isEmpty();
    assertThat(LogTail.lastError(List.of("10:00:00 INFO  all is well"))).isEmpty();
  }
}
