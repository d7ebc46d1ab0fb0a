package io.fullrank.cli.stack;

import static org.assertj.core.api.Assertions.assertThat;

import io.fullrank.cli.ReservedPorts;
import io.fullrank.cli.installation.Installation;
import io.fullrank.kafka.EmbeddedKafka;
import io.fullrank.messaging.KafkaConnection;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A packaged stack in a folder that has been used before. */
class StackIT {

  @TempDir Path work;

  @Test
  void dataThatWasThereBeforeOutlivesAStackThatKeepsNone() throws Exception {
    try (EmbeddedKafka broker = EmbeddedKafka.start(work.resolve("kafka"), 0);
        Admin admin = KafkaConnection.to(broker.bootstrapServers()).admin("test")) {
      admin.createTopics(List.of(new NewTopic("kept", 1, (short) 1))).all().get();
    }

    StackSettings settings =
        new StackSettings(ReservedPorts.ofStack(), Optional.empty(), Optional.of(work), false);
    Stack.start(Installation.sourceTree(Path.of("..").toAbsolutePath().normalize()), settings)
        .close();

    assertThat(work.resolve("kafka/log/kept-0")).isNotEmptyDirectory();
    assertThat(work.resolve("metrics-state")).isNotEmptyDirectory();
  }
}
