package io.fullrank.broker;

import java.nio.file.Path;
import java.util.Properties;

/**
 * The settings that a single-node broker is started with.
 *
 * @param folder holds its data; a folder used before is taken up again
 * @param host the address that it listens on for clients, such as {@code 127.0.0.1}
 * @param port its port for clients
 * @param advertised {@code host:port} at which clients reach it
 */
public record BrokerSettings(Path folder, String host, int port, String advertised) {

  private static final String CLIENTS = "PLAINTEXT";
  private static final String ITSELF = "INTERNAL";
  private static final String CONTROLLER = "CONTROLLER";

  /** Returns the folder of the topics' records. */
  Path log() {
    return folder.resolve("log");
  }

  /**
   * Returns these settings as properties of Kafka.
   *
   * @param internalPort where the broker reaches itself, on the loopback address: what it tells its
   *     clients may be an address that only they can reach
   * @param controllerPort where it reaches its KRaft controller, on the loopback address
   */
  Properties properties(int internalPort, int controllerPort) {
    Properties properties = new Properties();
    properties.put("process.roles", "broker,controller");
    properties.put("node.id", "1");
    properties.put("controller.quorum.bootstrap.servers", "127.0.0.1:" + controllerPort);
    properties.put(
        "listeners",
        "%s://%s:%d,%s://127.0.0.1:%d,%s://127.0.0.1:%d"
            .formatted(CLIENTS, host, port, ITSELF, internalPort, CONTROLLER, controllerPort));
    properties.put(
        "advertised.listeners",
        "%s://%s,%s://127.0.0.1:%d".formatted(CLIENTS, advertised, ITSELF, internalPort));
    properties.put(
        "listener.security.protocol.map",
        "%s:PLAINTEXT,%s:PLAINTEXT,%s:PLAINTEXT".formatted(CLIENTS, ITSELF, CONTROLLER));
    properties.put("inter.broker.listener.name", ITSELF);
    properties.put("controller.listener.names", CONTROLLER);
    properties.put("log.dirs", log().toString().replace('\\', '/'));
    properties.put("auto.create.topics.enable", "false");
    // One node holds every replica there is.
    properties.put("offsets.topic.replication.factor", "1");
    properties.put("offsets.topic.num.partitions", "4");
    properties.put("transaction.state.log.replication.factor", "1");
    properties.put("transaction.state.log.min.isr", "1");
    properties.put("transaction.state.log.num.partitions", "4");
    properties.put("share.coordinator.state.topic.replication.factor", "1");
    properties.put("share.coordinator.state.topic.min.isr", "1");
    // Consumers of a laptop come one by one: waiting for more only delays the first.
    properties.put("group.initial.rebalance.delay.ms", "0");
    // A fetch of large records must not be answered record by record.
    properties.put("socket.send.buffer.bytes", "1048576");
    properties.put("socket.receive.buffer.bytes", "1048576");
    return properties;
  }
}
