package io.fullrank.kafka;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.File;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EmbeddedKafkaTest {

  @TempDir Path folder;

  @Test
  void keepsItsTopicsWhenItIsKilledAndStartedAgain() throws Exception {
    int port;
    try (EmbeddedKafka kafka = EmbeddedKafka.start(folder, 0)) {
      port = Integer.parseInt(kafka.bootstrapServers().split(":")[1]);
      try (Admin admin = Admin.create(Map.of("bootstrap.servers", kafka.bootstrapServers()))) {
        admin.createTopics(List.of(new NewTopic("kept", 3, (short) 1))).all().get();
      }
      kafka.kill();
      assertThat(kafka.isAlive()).isFalse();
    }

    try (EmbeddedKafka again = EmbeddedKafka.start(folder, port);
        Admin admin = Admin.create(Map.of("bootstrap.servers", again.bootstrapServers()))) {
      assertThat(admin.listTopics().names().get()).contains("kept");
    }
  }

  @Test
  void namesItsLogWhenThePortIsTaken() throws Exception {
    try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      assertThatThrownBy(() -> EmbeddedKafka.start(folder, taken.getLocalPort()))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("kafka.log");
    }
  }

  @Test
  void refusesAFolderThatANewerKafkaWrote() throws Exception {
    try (EmbeddedKafka newer = EmbeddedKafka.start(folder, 0, newerKafka())) {
      assertThat(newer.isAlive()).isTrue();
    }

    assertThatThrownBy(() -> EmbeddedKafka.start(folder, 0))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(folder + ": a newer Kafka wrote this folder");
  }

  // The server that this test has on its class path, with the classes that run the shipped one.
  private static String newerKafka() {
    return System.getProperty("java.class.path")
        + File.pathSeparator
        + Path.of(System.getProperty("basedir")).resolveSibling("kafka-broker/target/classes");
  }
}
