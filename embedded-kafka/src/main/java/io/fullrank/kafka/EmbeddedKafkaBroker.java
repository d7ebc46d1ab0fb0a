package io.fullrank.kafka;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import kafka.Kafka;
import kafka.tools.StorageTool;
import org.apache.kafka.common.Uuid;

/**
 * The process of an {@link EmbeddedKafka}: formats its folder when new, then serves until its
 * standard input ends.
 */
public final class EmbeddedKafkaBroker {

  private EmbeddedKafkaBroker() {}

  /**
   * Runs the broker.
   *
   * @param arguments the folder, the port for clients, the port of the KRaft controller
   */
  public static void main(String[] arguments) throws IOException {
    Path folder = Path.of(arguments[0]);
    Path properties = folder.resolve("server.properties");
    Files.writeString(
        properties,
        configuration(folder.resolve("log"), arguments[1], arguments[2]),
        StandardCharsets.UTF_8);
    if (!Files.exists(folder.resolve("log").resolve("meta.properties"))) {
      String[] format = {
        "format", "--standalone", "-t", Uuid.randomUuid().toString(), "-c", properties.toString()
      };
      int status =
          StorageTool.execute(format, new PrintStream(System.out, true, StandardCharsets.UTF_8));
      if (status != 0) {
        System.exit(status);
      }
    }
    Thread parent = new Thread(EmbeddedKafkaBroker::exitWithParent, "parent-watch");
    parent.setDaemon(true);
    parent.start();
    Kafka.main(new String[] {properties.toString()});
  }

  // Whoever started the broker holds the other end of its standard input; when that process is
  // gone, however it died,
  // so is the broker.
  private static void exitWithParent() {
    try {
      while (System.in.read() >= 0) {
        // Nothing is ever sent.
      }
    } catch (IOException closed) {
      System.err.println("standard input failed: " + closed.getMessage());
    }
    System.exit(0);
  }

  private static String configuration(Path log, String port, String controllerPort) {
    Map<String, String> configuration = new TreeMap<>();
    configuration.put("process.roles", "broker,controller");
    configuration.put("node.id", "1");
    configuration.put("controller.quorum.bootstrap.servers", "127.0.0.1:" + controllerPort);
    configuration.put(
        "listeners",
        "PLAINTEXT://127.0.0.1:%s,CONTROLLER://127.0.0.1:%s".formatted(port, controllerPort));
    configuration.put("controller.listener.names", "CONTROLLER");
    configuration.put("log.dirs", log.toString().replace('\\', '/'));
    configuration.put("auto.create.topics.enable", "false");
    // One node holds every replica there is.
    configuration.put("offsets.topic.replication.factor", "1");
    configuration.put("offsets.topic.num.partitions", "4");
    configuration.put("transaction.state.log.replication.factor", "1");
    configuration.put("transaction.state.log.min.isr", "1");
    configuration.put("transaction.state.log.num.partitions", "4");
    configuration.put("share.coordinator.state.topic.replication.factor", "1");
    configuration.put("share.coordinator.state.topic.min.isr", "1");
    // Consumers of a laptop come one by one: waiting for more only delays the first.
    configuration.put("group.initial.rebalance.delay.ms", "0");
    // A fetch of large records must not be answered record by record.
    configuration.put("socket.send.buffer.bytes", "1048576");
    configuration.put("socket.receive.buffer.bytes", "1048576");
    StringBuilder text = new StringBuilder();
    configuration.forEach((key, value) -> text.append(key).append('=').append(value).append('\n'));
    return text.toString();
  }
}
