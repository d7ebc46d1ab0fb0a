package io.fullrank.cli;

import static java.util.stream.Collectors.joining;

import com.google.protobuf.MessageLite;
import io.fullrank.cli.kubernetes.KafkaAccounts;
import io.fullrank.kafka.EmbeddedKafkaBroker;
import io.fullrank.proto.Topic;
import io.fullrank.testsupport.FreePort;
import io.fullrank.testsupport.process.JavaCommand;
import io.fullrank.testsupport.process.JavaProcess;
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
import org.apache.kafka.clients.admin.AbortTransactionSpec;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * A real broker that grants no right unless it is told to. It has two ports: one takes SASL_SSL
 * with SCRAM alone, where each user's password is the user's name and {@code -secret}; the other
 * takes TLS with a client certificate alone, where users are known by their certificates' common
 * names.
 */
final class SecuredBroker implements AutoCloseable {

  private static final String ADMIN = "admin";

  private final JavaProcess process;
  private final int port;
  private final int certificatePort;
  private final Path authority;

  private SecuredBroker(JavaProcess process, int port, int certificatePort, Path authority) {
    this.process = process;
    this.port = port;
    this.certificatePort = certificatePort;
    this.authority = authority;
  }

  static SecuredBroker start(
      Path folder, Path authority, TestAuthority.Issued certificate, List<String> users)
      throws Exception {
    Files.createDirectories(folder);
    int port = FreePort.any();
    int certificatePort = FreePort.any();
    Path keyStore = folder.resolve("broker.pem");
    Files.writeString(
        keyStore,
        Files.readString(certificate.key()) + Files.readString(certificate.certificate()));
    Path properties = folder.resolve("server.properties");
    Files.writeString(
        properties, configuration(folder, port, certificatePort, keyStore, authority));
    Path log = folder.resolve("kafka.log");
    List<String> format =
        new ArrayList<>(
            List.of(
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
    String broker = EmbeddedKafkaBroker.classPath();
    JavaCommand.main(broker, "kafka.tools.StorageTool", format.toArray(String[]::new))
        .start(log)
        .awaitExit();
    JavaProcess process =
        JavaCommand.main(broker, "kafka.Kafka", properties.toString()).with("-Xmx512m").start(log);
    return new SecuredBroker(process, port, certificatePort, authority);
  }

  /** Makes the topics and lets each user do what its account in k8s/overlays/strimzi may. */
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
      admin.createAcls(KafkaAccounts.acls()).all().get(60, TimeUnit.SECONDS);
    }
  }

  String bootstrapServers() {
    return "127.0.0.1:" + port;
  }

  String bootstrapServersForCertificates() {
    return "127.0.0.1:" + certificatePort;
  }

  /** Writes messages, by their keys, as its administrator. */
  void send(Topic topic, Map<String, ? extends MessageLite> messages) throws Exception {
    try (KafkaProducer<String, byte[]> producer =
        new KafkaProducer<>(client(ADMIN), new StringSerializer(), new ByteArraySerializer())) {
      for (Map.Entry<String, ? extends MessageLite> message : messages.entrySet()) {
        producer
            .send(
                new ProducerRecord<>(
                    topic.name(), message.getKey(), message.getValue().toByteArray()))
            .get(60, TimeUnit.SECONDS);
      }
    }
  }

  /** Begins a transaction in a topic, as its administrator; it ends as aborted when closed. */
  AutoCloseable openTransaction(Topic topic) throws Exception {
    Map<String, Object> properties = new TreeMap<>(client(ADMIN));
    properties.put("transactional.id", "open");
    KafkaProducer<String, byte[]> producer =
        new KafkaProducer<>(properties, new StringSerializer(), new ByteArraySerializer());
    producer.initTransactions();
    producer.beginTransaction();
    producer.send(new ProducerRecord<>(topic.name(), "open", null)).get(60, TimeUnit.SECONDS);
    return () -> {
      producer.abortTransaction();
      producer.close();
    };
  }

  /** Ends a transaction, as a user, that has never been. */
  void endTransaction(String user, Topic topic) throws Exception {
    try (Admin admin = Admin.create(client(user))) {
      admin
          .abortTransaction(
              new AbortTransactionSpec(
                  new TopicPartition(topic.name(), 0), 1_000_000, (short) 0, 0))
          .all()
          .get(60, TimeUnit.SECONDS);
    }
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
    return process.log();
  }

  @Override
  public void close() throws InterruptedException {
    process.close();
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

  private static String jaas(String user) {
    return "org.apache.kafka.common.security.scram.ScramLoginModule required username=\"%s\" password=\"%s-secret\";"
        .formatted(user, user);
  }

  private static String configuration(
      Path folder, int port, int certificatePort, Path keyStore, Path authority) {
    int controllerPort = FreePort.any();
    Map<String, String> properties = new TreeMap<>();
    properties.put("process.roles", "broker,controller");
    properties.put("node.id", "1");
    properties.put("controller.quorum.bootstrap.servers", "127.0.0.1:" + controllerPort);
    properties.put(
        "listeners",
        "CLIENTS://127.0.0.1:%d,CERTIFICATES://127.0.0.1:%d,CONTROLLER://127.0.0.1:%d"
            .formatted(port, certificatePort, controllerPort));
    properties.put(
        "listener.security.protocol.map", "CLIENTS:SASL_SSL,CERTIFICATES:SSL,CONTROLLER:PLAINTEXT");
    properties.put("listener.name.certificates.ssl.client.auth", "required");
    properties.put(
        "listener.name.certificates.ssl.principal.mapping.rules", "RULE:^CN=([^,]+).*$/$1/");
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
