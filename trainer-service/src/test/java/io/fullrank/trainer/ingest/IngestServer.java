package io.fullrank.trainer.ingest;

import static org.awaitility.Awaitility.await;

import io.fullrank.messaging.KafkaConnection;
import io.fullrank.proto.v1.IngestServiceGrpc;
import io.fullrank.proto.v1.RegisterRunRequest;
import io.fullrank.proto.v1.RegisterRunResponse;
import io.fullrank.proto.v1.RunRequest;
import io.fullrank.testsupport.Waiting;
import io.fullrank.testsupport.client.GrpcConnection;
import io.fullrank.trainer.configuration.IngestSettings;
import io.fullrank.trainer.configuration.TrainerSettings;
import io.fullrank.trainer.endpoint.IngestEndpoint;
import io.fullrank.trainer.prometheus.IngestMetrics;
import io.fullrank.trainer.queue.AcceptedRuns;
import io.grpc.Channel;
import io.grpc.Grpc;
import io.grpc.InsecureServerCredentials;
import io.grpc.Server;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/** The calls of external programs, served at a port of this machine. */
final class IngestServer implements AutoCloseable {

  private final SimpleMeterRegistry registry = new SimpleMeterRegistry();
  private final AcceptedRuns accepted;
  private final Ingest ingest;
  private final Server server;
  private final GrpcConnection connection;

  private IngestServer(KafkaConnection kafka, IngestSettings settings) throws IOException {
    TrainerSettings trainer =
        new TrainerSettings(
            "ingest-" + UUID.randomUUID(),
            "none",
            1,
            Optional.empty(),
            Duration.ZERO,
            Duration.ZERO,
            Map.of());
    accepted = new AcceptedRuns(kafka, trainer);
    IngestMetrics metrics = new IngestMetrics(registry);
    ingest = new Ingest(kafka, trainer.name(), settings, accepted, metrics);
    ingest.start();
    server =
        Grpc.newServerBuilderForPort(0, InsecureServerCredentials.create())
            .addService(new IngestEndpoint(new Registrations(accepted, settings, metrics), ingest))
            .build()
            .start();
    connection = GrpcConnection.to(server.getPort());
  }

  /** Starts it and waits until it takes reports. */
  static IngestServer start(KafkaConnection kafka, IngestSettings settings) throws IOException {
    IngestServer started = new IngestServer(kafka, settings);
    await().atMost(Waiting.LIMIT).until(started.ingest::hasJoined);
    return started;
  }

  Channel channel() {
    return connection.channel();
  }

  RegisterRunResponse register(RegisterRunRequest request) {
    return IngestServiceGrpc.newBlockingStub(channel()).registerRun(request);
  }

  /** Cancels a run, as another server would. */
  void cancel(String run) {
    RunRequest known = accepted.find(run).orElseThrow().request();
    accepted.write(List.of(known.toBuilder().setCancelled(true).build()));
  }

  double gauge(String name) {
    return registry.get(name).gauge().value();
  }

  double counter(String name) {
    return registry.get(name).counter().count();
  }

  double counter(String name, String code) {
    return registry.get(name).tag("code", code).counter().count();
  }

  /** Does what a service does that is asked to stop. */
  void stopTakingReports() throws InterruptedException {
    ingest.close();
  }

  @Override
  public void close() throws InterruptedException {
    connection.close();
    ingest.close();
    accepted.close();
    server.shutdownNow().awaitTermination();
  }
}
