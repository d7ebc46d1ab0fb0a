package io.fullrank.cli.stack;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.fullrank.cli.failure.ExecutionFailedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ServiceProcessTest {

  @TempDir Path folder;

  @Test
  void namesTheLogAndTheLastErrorOfAProcessThatDied() throws Exception {
    Path log = folder.resolve("trainer.log");
    ServiceProcess process =
        ServiceProcess.start(
            "trainer",
            List.of("sh", "-c", "echo ERROR no \"$WHAT\"; exit 7"),
            Map.of("WHAT", "disk"),
            log);
    process.awaitEnd(Duration.ofSeconds(30));

    assertThatThrownBy(process::requireAlive)
        .isInstanceOf(ExecutionFailedException.class)
        .hasMessage("the trainer service ended with status 7 (ERROR no disk); its log is " + log);
  }

  @Test
  void killsAProcessThatDoesNotWantToEnd() throws Exception {
    Path log = folder.resolve("log");
    ServiceProcess process =
        ServiceProcess.start(
            "checker",
            List.of("sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1; done"),
            Map.of(),
            log);
    Awaitility.await().until(() -> Files.readString(log).contains("ready"));
    assertThatCode(process::requireAlive).doesNotThrowAnyException();

    process.terminate();
    process.awaitEnd(Duration.ofMillis(200));

    assertThatThrownBy(process::requireAlive).hasMessageContaining("status 137");
  }

  @Test
  void shieldsTheProcessFromTheTerminalsInterrupt() throws Exception {
    Path log = folder.resolve("log");
    ServiceProcess process =
        ServiceProcess.start(
            "metrics",
            List.of("sh", "-c", "kill -INT $$; echo survived; while :; do sleep 1; done"),
            Map.of(),
            log);

    Awaitility.await().until(() -> Files.readString(log).contains("survived"));
    process.requireAlive();

    process.terminate();
    process.awaitEnd(Duration.ofSeconds(30));
  }
}
