package io.fullrank.cli.chaos;

import io.fullrank.cli.client.ConnectionOptions;
import io.fullrank.cli.client.IngestClient;
import io.fullrank.cli.client.ServerAddress;
import io.fullrank.cli.client.ServiceClient;
import io.fullrank.cli.failure.ExecutionFailedException;
import io.fullrank.cli.installation.Installation;
import io.fullrank.cli.installation.Service;
import io.fullrank.cli.stack.Readiness;
import io.fullrank.cli.stack.ServiceCommand;
import io.fullrank.messaging.KafkaConnection;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;

/**
 * A broker behind a proxy and two of each service, each a process that is started again when it
 * ends.
 */
final class StackUnderTest implements AutoCloseable {

  static final String BROKER = "broker";
  static final List<String> TRAINERS = List.of("trainer-1", "trainer-2");
  static final List<String> SERVICES =
      Stream.concat(
              TRAINERS.stream(), Stream.of("checker-1", "checker-2", "metrics-1", "metrics-2"))
          .toList();
  static final List<String> PROCESSES =
      Stream.concat(Stream.of(BROKER), SERVICES.stream()).toList();

  /** Those that keep something in a folder. */
  static final List<String> WITH_FOLDER =
      PROCESSES.stream().filter(name -> !name.startsWith("checker")).toList();

  private static final Duration START_LIMIT = Duration.ofMinutes(5);
  private static final int PROBE_LIMIT_MILLIS = 2000;
  // The snapshots are small, and so may the processes be; most of their time they start.
  private static final List<String> JVM =
      List.of("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1");
  // Below the ports that systems hand out by themselves: a process has to get its own again.
  private static final int FIRST_PORT = 12_000;
  private static final int LAST_PORT = 32_000;

  private final Installation installation;
  private final Path work;
  private final Map<String, SupervisedProcess> processes = new LinkedHashMap<>();
  private final Map<String, Integer> ports = new HashMap<>();
  private final KafkaProxy proxy;
  private final Map<Fault.Kind, String> impossible = new EnumMap<>(Fault.Kind.class);
  private final Optional<BoundedDisks> disks;
  private final Optional<FakedClocks> clocks;

  /** Prepares the processes; none is started yet. */
  StackUnderTest(Installation installation, Path work) throws IOException {
    this.installation = installation;
    this.work = work;
    this.clocks = FakedClocks.in(work);
    this.disks = openDisks();
    if (clocks.isEmpty()) {
      for (Fault.Kind kind : List.of(Fault.Kind.AHEAD, Fault.Kind.BACK)) {
        impossible.put(kind, "there is no libfaketime here (Debian: apt-get install libfaketime)");
      }
    }
    this.proxy = new KafkaProxy(port("proxy"), port(BROKER));
    processes.put(BROKER, broker());
    for (String service : SERVICES) {
      processes.put(service, service(service, Map.of()));
    }
  }

  /**
   * Starts all processes and waits until they serve.
   *
   * @throws ExecutionFailedException if one does not
   */
  void start() throws InterruptedException {
    processes.values().forEach(SupervisedProcess::start);
    for (SupervisedProcess process : processes.values()) {
      requireReady(process);
    }
  }

  /**
   * Starts one more instance of the metrics service, which makes its state from the topics.
   *
   * @throws ExecutionFailedException if it does not come to serve
   */
  SupervisedProcess startFreshMetrics() throws IOException, InterruptedException {
    String name = "metrics-fresh";
    SupervisedProcess fresh = service(name, Map.of("fullrank.metrics.group", "chaos-fresh"));
    processes.put(name, fresh);
    fresh.start();
    requireReady(fresh);
    return fresh;
  }

  SupervisedProcess process(String name) {
    return processes.get(name);
  }

  Collection<SupervisedProcess> processes() {
    return processes.values();
  }

  KafkaProxy proxy() {
    return proxy;
  }

  /** Returns the faults that cannot be brought about on this machine, and why. */
  Map<Fault.Kind, String> impossible() {
    return Collections.unmodifiableMap(impossible);
  }

  /** Returns the disks that the folders of processes are on, unless that is impossible. */
  BoundedDisks disks() {
    return disks.orElseThrow();
  }

  /** Returns the clocks of the processes, unless that is impossible. */
  FakedClocks clocks() {
    return clocks.orElseThrow();
  }

  /** Returns where a process of {@link #WITH_FOLDER} keeps what it keeps; two trainers share it. */
  Path folder(String name) {
    if (name.equals(BROKER)) {
      return work.resolve("kafka");
    }
    return work.resolve(TRAINERS.contains(name) ? "checkpoints" : name + "-state");
  }

  KafkaConnection kafka() {
    return KafkaConnection.to(proxyAddress());
  }

  /** Returns a client of a trainer and of a metrics service. */
  ServiceClient client(String trainer, String metrics) {
    return new ServiceClient(
        new ServerAddress("127.0.0.1", port(trainer)),
        new ServerAddress("127.0.0.1", port(metrics)),
        new ConnectionOptions());
  }

  /** Returns a client that reports runs to a trainer. */
  IngestClient ingestClient(String trainer) {
    return new IngestClient(new ServerAddress("127.0.0.1", port(trainer)), new ConnectionOptions());
  }

  /** Returns the ports of the metrics services, for gRPC. */
  List<Integer> metricsPorts() {
    return List.of(port("metrics-1"), port("metrics-2"));
  }

  /** Returns the address of a path that a service answers over HTTP. */
  URI http(String service, String path) {
    return URI.create("http://127.0.0.1:%d%s".formatted(port(service + "-http"), path));
  }

  /** Asks services to end, then the broker, and waits until all have. */
  @Override
  public void close() throws IOException, InterruptedException {
    SupervisedProcess broker = processes.get(BROKER);
    List<SupervisedProcess> services =
        processes.values().stream().filter(process -> process != broker).toList();
    services.forEach(SupervisedProcess::terminate);
    for (SupervisedProcess service : services) {
      service.awaitEnd();
    }
    broker.terminate();
    broker.awaitEnd();
    proxy.close();
    if (disks.isPresent()) {
      disks.get().close();
    }
  }

  private Optional<BoundedDisks> openDisks() throws IOException {
    List<Path> folders =
        new ArrayList<>(WITH_FOLDER.stream().map(this::folder).distinct().toList());
    for (Path each : folders) {
      Files.createDirectories(each);
    }
    if (clocks.isPresent()) {
      // Here libfaketime leaves files of processes that are killed.
      folders.add(Path.of("/dev/shm"));
    }
    try {
      return Optional.of(BoundedDisks.on(folders));
    } catch (IOException refused) {
      impossible.put(
          Fault.Kind.FULL,
          "no file system can be mounted in a user namespace here (%s)"
              .formatted(refused.getMessage()));
      return Optional.empty();
    }
  }

  private static void requireReady(SupervisedProcess process) throws InterruptedException {
    if (!process.awaitReady(START_LIMIT)) {
      throw new ExecutionFailedException(
          "%s was not ready after %d s; its log is %s"
              .formatted(process.name(), START_LIMIT.toSeconds(), process.log()));
    }
  }

  private String proxyAddress() {
    return "127.0.0.1:" + port("proxy");
  }

  private SupervisedProcess broker() throws IOException {
    List<String> command = new ArrayList<>(List.of(ServiceCommand.java()));
    command.addAll(JVM);
    command.addAll(
        List.of(
            "-javaagent:" + installation.parentWatch(),
            "-cp",
            System.getProperty("java.class.path"),
            "io.fullrank.cli.Fullrank",
            "kafka",
            "--data",
            folder(BROKER).toString(),
            "--port",
            Integer.toString(port(BROKER)),
            "--advertised",
            proxyAddress()));
    return process(BROKER, command, Map.of(), this::brokerAnswers);
  }

  private SupervisedProcess process(
      String name, List<String> command, Map<String, String> environment, BooleanSupplier probe)
      throws IOException {
    List<String> program = command;
    if (clocks.isPresent()) {
      clocks.get().restore(name);
      program = clocks.get().with(name, program);
    }
    if (disks.isPresent()) {
      program = disks.get().inside(program);
    }
    return new SupervisedProcess(name, program, environment, log(name), probe);
  }

  private SupervisedProcess service(String name, Map<String, String> further) throws IOException {
    Service service =
        Stream.of(Service.values())
            .filter(each -> name.startsWith(each.title()))
            .findFirst()
            .orElseThrow();
    Map<String, String> configuration = new LinkedHashMap<>(further);
    configuration.put("fullrank.kafka.bootstrap-servers", proxyAddress());
    configuration.put("fullrank.grpc.port", Integer.toString(port(name)));
    configuration.put("fullrank.http.port", Integer.toString(port(name + "-http")));
    // The shortest that brokers allow: so soon a group notices that a member is gone.
    configuration.put("fullrank.kafka.properties.\"session.timeout.ms\"", "6000");
    configuration.put("fullrank.kafka.properties.\"heartbeat.interval.ms\"", "1500");
    switch (service) {
      case TRAINER -> {
        configuration.put("fullrank.trainer.name", name);
        configuration.put("fullrank.trainer.checkpoint-directory", "" + folder(name));
        configuration.put("fullrank.trainer.checkpoint-interval", "PT1S");
      }
      case CHECKER -> {
        configuration.put("fullrank.checker.name", name);
        configuration.put("fullrank.checker.threads", "1");
      }
      case METRICS -> {
        configuration.put("fullrank.kafka.properties.\"client.id\"", name);
        configuration.put("fullrank.metrics.state-directory", "" + folder(name));
        configuration.put("fullrank.metrics.standby-replicas", "1");
      }
    }
    return process(
        name,
        ServiceCommand.of(service, installation, JVM, configuration),
        ServiceCommand.nativeThreads(1),
        () -> Readiness.of("127.0.0.1:" + port(name + "-http")));
  }

  private Path log(String name) {
    return work.resolve(name + ".log");
  }

  /** Asks the broker itself, not through the proxy, which versions of requests it knows. */
  private boolean brokerAnswers() {
    byte[] client = "probe".getBytes(StandardCharsets.US_ASCII);
    try (Socket socket = new Socket()) {
      socket.connect(
          new InetSocketAddress(InetAddress.getLoopbackAddress(), port(BROKER)),
          PROBE_LIMIT_MILLIS);
      socket.setSoTimeout(PROBE_LIMIT_MILLIS);
      DataOutputStream out = new DataOutputStream(socket.getOutputStream());
      out.writeInt(2 + 2 + 4 + 2 + client.length);
      // ApiVersions, version 0.
      out.writeShort(18);
      out.writeShort(0);
      out.writeInt(1);
      out.writeShort(client.length);
      out.write(client);
      out.flush();
      return new DataInputStream(socket.getInputStream()).readInt() > 0;
    } catch (IOException notNow) {
      return false;
    }
  }

  private int port(String owner) {
    return ports.computeIfAbsent(owner, first -> freePort());
  }

  private int freePort() {
    return new Random()
        .ints(FIRST_PORT, LAST_PORT)
        .filter(port -> !ports.containsValue(port) && isFree(port))
        .findFirst()
        .orElseThrow();
  }

  private static boolean isFree(int port) {
    try (ServerSocket socket = new ServerSocket(port, 1, InetAddress.getLoopbackAddress())) {
      return socket.isBound();
    } catch (IOException taken) {
      return false;
    }
  }
}
