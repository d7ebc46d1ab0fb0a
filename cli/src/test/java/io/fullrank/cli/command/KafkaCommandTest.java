package io.fullrank.cli.command;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.fullrank.cli.Fullrank;
import io.fullrank.cli.installation.Endpoint;
import io.fullrank.cli.installation.Ports;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class KafkaCommandTest {

  @TempDir Path folder;
  private final String port = Integer.toString(Ports.anyFreeExcept(Map.of()).of(Endpoint.KAFKA));
  private final List<Process> started = new ArrayList<>();

  @AfterEach
  void killWhatIsLeft() throws InterruptedException {
    for (Process process : started) {
      process.destroyForcibly().waitFor();
    }
  }

  @Test
  void keepsItsDataWhenItIsStoppedAndStartedAgain() throws Exception {
    Process first = start();
    assertThat(firstLine(first))
        .isEqualTo("Kafka broker at localhost:" + port + "; Ctrl-C stops it.");
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", "127.0.0.1:" + port))) {
      admin.createTopics(List.of(new NewTopic("kept", 2, (short) 1))).all().get();
    }
    first.destroy();
    await().atMost(Duration.ofMinutes(1)).until(() -> !first.isAlive());
    assertThat(first.exitValue()).isEqualTo(143);

    Process second = start();
    assertThat(firstLine(second)).startsWith("Kafka broker at");
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", "127.0.0.1:" + port))) {
      assertThat(admin.listTopics().names().get()).contains("kept");
    }

    Process intruder = start();
    assertThat(intruder.waitFor(2, TimeUnit.MINUTES)).isTrue();
    assertThat(intruder.exitValue()).isEqualTo(1);
    assertThat(new String(intruder.getErrorStream().readAllBytes(), StandardCharsets.UTF_8))
        .isEqualTo(
            "fullrank: the Kafka broker could not start: "
                + folder.resolve("kafka")
                + ": another broker uses this folder\n");
  }

  private Process start() throws IOException {
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx512m",
                "-XX:+UseSerialGC",
                "-cp",
                System.getProperty("java.class.path"),
                Fullrank.class.getName(),
                "kafka",
                "--data",
                folder.resolve("kafka").toString(),
                "--host",
                "0.0.0.0",
                "--port",
                port,
                "--advertised",
                "localhost:" + port)
            .start();
    started.add(process);
    return process;
  }

  private static String firstLine(Process process) throws IOException {
    BufferedReader out = process.inputReader(StandardCharsets.UTF_8);
    return out.readLine();
  }
}
