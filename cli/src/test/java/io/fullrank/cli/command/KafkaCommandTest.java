package io.fullrank.cli.command;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.fullrank.cli.Fullrank;
import io.fullrank.testsupport.FreePort;
import io.fullrank.testsupport.Waiting;
import io.fullrank.testsupport.process.JavaCommand;
import io.fullrank.testsupport.process.JavaProcess;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class KafkaCommandTest {

  @TempDir Path folder;
  private final String port = Integer.toString(FreePort.any());
  private final List<JavaProcess> started = new ArrayList<>();

  @AfterEach
  void killWhatIsLeft() throws InterruptedException {
    for (JavaProcess process : started) {
      process.kill();
    }
  }

  @Test
  void keepsItsDataWhenItIsStoppedAndStartedAgain() throws Exception {
    JavaProcess first = start("first");
    // What Kafka warns of comes before.
    String answers = "Kafka broker at localhost:" + port + "; Ctrl-C stops it.\n";
    await().atMost(Waiting.LIMIT).untilAsserted(() -> assertThat(first.log()).endsWith(answers));
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", "127.0.0.1:" + port))) {
      admin.createTopics(List.of(new NewTopic("kept", 2, (short) 1))).all().get();
    }
    first.close();
    assertThat(first.awaitExit()).isEqualTo(143);

    JavaProcess second = start("second");
    await().atMost(Waiting.LIMIT).untilAsserted(() -> assertThat(second.log()).endsWith(answers));
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", "127.0.0.1:" + port))) {
      assertThat(admin.listTopics().names().get()).contains("kept");
    }

    JavaProcess intruder = start("intruder");
    assertThat(intruder.awaitExit()).isEqualTo(1);
    assertThat(intruder.log())
        .isEqualTo(
            "fullrank: the Kafka broker could not start: "
                + folder.resolve("kafka")
                + ": another broker uses this folder\n");
  }

  private JavaProcess start(String name) throws IOException {
    JavaProcess process =
        JavaCommand.main(
                Fullrank.class,
                "kafka",
                "--data",
                folder.resolve("kafka").toString(),
                "--host",
                "0.0.0.0",
                "--port",
                port,
                "--advertised",
                "localhost:" + port)
            .with("-Xmx512m")
            .start(folder.resolve(name + ".log"));
    started.add(process);
    return process;
  }
}
