package io.fullrank.cli;

import static java.util.stream.Collectors.joining;

import io.fullrank.proto.Topic;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import kafka.Kafka;
import kafka.tools.StorageTool;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;

/**
 * A real broker that takes SASL_SSL with SCRAM alone and grants nobody anything unless told: each
 * user's password is the user's name and {@code -secret}.
 */
final class SecuredBroker implements AutoCloseable {

  private static final String ADMIN = "admin";

  private final Process process;
  private final int port;
  private final Path authority;
  private final Path log;

  private SecuredBroker(Process process, int port, Path authority, Path log) {
    this.process = process;
    this.port = port;
    this.authority = authority;
    this.log = log;
  }

  static SecuredBroker start(
      Path folder, Path authority, TestAuthority.Issued certificate, List<String> users)
      throws Exception {
    Files.createDirectories(folder);
    int port = ServiceUnderTest.freePort();
    Path keyStore = folder.resolve("broker.pem");
    Files.writeString(
        keyStore,
        Files.readString(certificate.key()) + Files.readString(certificate.certificate()));
    Path properties = folder.resolve("server.properties");
    Files.writeString(properties, configuration(folder, port, keyStore, authority));
    List<String> java =
        List.of(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-Xmx512m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-cp",
            System.getProperty("java.class.path"));
    Path log = folder.resolve("kafka.log");
    List<String> format = new ArrayList<>(java);
    format.addAll(
        List.of(
            StorageTool.class.getName(),
            "format",
            "--standalone",
            "-t",
            "MkU3OEVBNTcwNTJENDM2Qg",
            "-c",
            properties.toString()));
    for (String user : Stream.concat(Stream.of(ADMIN), users.stream()).toList()) {
      format.addAll(
          List.of(
              "--add-scram", "SCRAM-SHA-512=[name=%s,password=%s-secret]".formatted(user, user)));
    }
    run(format, log).onExit().get(2, TimeUnit.MINUTES);
    List<String> serve = new ArrayList<>(java);
    serve.addAll(List.of(Kafka.class.getName(), properties.toString()));
    return new SecuredBroker(run(serve, log), port, authority, log);
  }

  /** Makes the topics and lets each user do what docs/security.md says its service needs. */
  void prepare() throws Exception {
    List<Topic> topics =
        Topic.ALL.stream().flatMap(topic -> Stream.of(topic, topic.deadLetters())).toList();
    try (Admin admin = Admin.create(client(ADMIN))) {
      admin
          .createTopics(
              topics.stream()
                  .map(
                      topic ->
                          new NewTopic(topic.name(), topic.partitions(), (short) 1)
                              .configs(topic.config()))
                  .toList())
          .all()
          .get(60, TimeUnit.SECONDS);
      List<AclBinding> granted = new ArrayList<>();
      for (String user : List.of("fullrank-trainer", "fullrank-checker", "fullrank-metrics")) {
        for (Topic topic : topics) {
          granted.add(acl(user, ResourceType.TOPIC, topic.name(), AclOperation.DESCRIBE));
        }
        granted.add(acl(user, ResourceType.GROUP, user, AclOperation.READ));
        granted.add(acl(user, ResourceType.TRANSACTIONAL_ID, user, AclOperation.WRITE));
        granted.add(acl(user, ResourceType.TRANSACTIONAL_ID, user, AclOperation.DESCRIBE));
      }
      grant(granted, "fullrank-trainer", List.of("experiments", "verdicts"), AclOperation.READ);
      grant(
          granted,
          "fullrank-trainer",
          List.of("experiments", "experiments.dlq", "snapshots", "progress"),
          AclOperation.WRITE);
      grant(granted, "fullrank-checker", List.of("snapshots"), AclOperation.READ);
      grant(granted, "fullrank-checker", List.of("verdicts", "snapshots.dlq"), AclOperation.WRITE);
      grant(
          granted,
          "fullrank-metrics",
          List.of("experiments", "progress", "verdicts"),
          AclOperation.READ);
      grant(
          granted,
          "fullrank-metrics",
          List.of("experiments", "experiments.dlq", "progress.dlq", "verdicts.dlq"),
          AclOperation.WRITE);
      // Kafka Streams makes its own topics and keeps them.
      for (AclOperation operation :
          List.of(
              AclOperation.CREATE,
              AclOperation.DESCRIBE,
              AclOperation.DESCRIBE_CONFIGS,
              AclOperation.READ,
              AclOperation.WRITE,
              AclOperation.DELETE)) {
        granted.add(acl("fullrank-metrics", ResourceType.TOPIC, "fullrank-metrics-", operation));
      }
      admin.createAcls(granted).all().get(60, TimeUnit.SECONDS);
    }
  }

  String bootstrapServers() {
    return "127.0.0.1:" + port;
  }

  boolean isAlive() {
    return process.isAlive();
  }

  /** Returns whether it answers its administrator. */
  boolean answers() throws InterruptedException {
    try (Admin admin = Admin.create(client(ADMIN))) {
      return !admin.describeCluster().nodes().get().isEmpty();
    } catch (ExecutionException notYet) {
      return false;
    }
  }

  String log() throws IOException {
    return Files.readString(log);
  }

  @Override
  public void close() throws InterruptedException {
    process.destroy();
    if (!process.waitFor(20, TimeUnit.SECONDS)) {
      process.destroyForcibly().waitFor();
    }
  }

  private Map<String, Object> client(String user) {
    return Map.of(
        "bootstrap.servers",
        bootstrapServers(),
        "security.protocol",
        "SASL_SSL",
        "ssl.truststore.type",
        "PEM",
        "ssl.truststore.location",
        authority.toString(),
        "sasl.mechanism",
        "SCRAM-SHA-512",
        "sasl.jaas.config",
        jaas(user),
        "request.timeout.ms",
        2000,
        "default.api.timeout.ms",
        20000);
  }

  private static void grant(
      List<AclBinding> granted, String user, List<String> topics, AclOperation operation) {
    for (String topic : topics) {
      granted.add(
          new AclBinding(
              new ResourcePattern(ResourceType.TOPIC, "fullrank." + topic, PatternType.LITERAL),
              entry(user, operation)));
    }
  }

  private static AclBinding acl(
      String user, ResourceType type, String prefix, AclOperation operation) {
    return new AclBinding(
        new ResourcePattern(type, prefix, PatternType.PREFIXED), entry(user, operation));
  }

  private static AccessControlEntry entry(String user, AclOperation operation) {
    return new AccessControlEntry("User:" + user, "*", operation, AclPermissionType.ALLOW);
  }

  private static Process run(List<String> command, Path log) throws IOException {
    return new ProcessBuilder(command)
        .redirectErrorStream(true)
        .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()))
        .start();
  }

  private static String jaas(String user) {
    return "org.apache.kafka.common.security.scram.ScramLoginModule required username=\"%s\" password=\"%s-secret\";"
        .formatted(user, user);
  }

  private static String configuration(Path folder, int port, Path keyStore, Path authority)
      throws IOException {
    int controllerPort = ServiceUnderTest.freePort();
    Map<String, String> properties = new TreeMap<>();
    properties.put("process.roles", "broker,controller");
    properties.put("node.id", "1");
    properties.put("controller.quorum.bootstrap.servers", "127.0.0.1:" + controllerPort);
    properties.put(
        "listeners",
        "CLIENTS://127.0.0.1:%d,CONTROLLER://127.0.0.1:%d".formatted(port, controllerPort));
    properties.put("listener.security.protocol.map", "CLIENTS:SASL_SSL,CONTROLLER:PLAINTEXT");
    properties.put("inter.broker.listener.name", "CLIENTS");
    properties.put("controller.listener.names", "CONTROLLER");
    properties.put("log.dirs", folder.resolve("log").toString());
    properties.put("auto.create.topics.enable", "false");
    properties.put("offsets.topic.replication.factor", "1");
    properties.put("offsets.topic.num.partitions", "2");
    properties.put("transaction.state.log.replication.factor", "1");
    properties.put("transaction.state.log.min.isr", "1");
    properties.put("transaction.state.log.num.partitions", "2");
    properties.put("group.initial.rebalance.delay.ms", "0");
    properties.put("ssl.keystore.type", "PEM");
    properties.put("ssl.keystore.location", keyStore.toString());
    properties.put("ssl.truststore.type", "PEM");
    properties.put("ssl.truststore.location", authority.toString());
    properties.put("sasl.enabled.mechanisms", "SCRAM-SHA-512");
    properties.put("sasl.mechanism.inter.broker.protocol", "SCRAM-SHA-512");
    properties.put("listener.name.clients.scram-sha-512.sasl.jaas.config", jaas(ADMIN));
    properties.put(
        "authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer");
    // The controller's listener, which only this process can reach, knows no users.
    properties.put("super.users", "User:" + ADMIN + ";User:ANONYMOUS");
    return properties.entrySet().stream()
        .map(each -> each.getKey() + "=" + each.getValue())
        .collect(joining("\n"));
  }
}
