package io.fullrank.cli.stack;

import io.fullrank.cli.failure.BadInputException;
import io.fullrank.cli.installation.Endpoint;
import io.fullrank.cli.installation.Ports;
import java.util.EnumMap;
import java.util.Map;
import picocli.CommandLine.Option;

/** The options that say where a stack listens. */
public final class PortOptions {

  private final Map<Endpoint, Integer> given = new EnumMap<>(Endpoint.class);

  @Option(
      names = "--kafka-port",
      paramLabel = "PORT",
      description = "Port of the Kafka broker (default: 9092).")
  private void kafka(int port) {
    given.put(Endpoint.KAFKA, port);
  }

  @Option(
      names = "--trainer-port",
      paramLabel = "PORT",
      description = "gRPC port of the trainer (default: 9001).")
  private void trainerGrpc(int port) {
    given.put(Endpoint.TRAINER_GRPC, port);
  }

  @Option(
      names = "--checker-port",
      paramLabel = "PORT",
      description = "gRPC port of the checker (default: 9002).")
  private void checkerGrpc(int port) {
    given.put(Endpoint.CHECKER_GRPC, port);
  }

  @Option(
      names = "--metrics-port",
      paramLabel = "PORT",
      description = "gRPC port of the metrics service (default: 9003).")
  private void metricsGrpc(int port) {
    given.put(Endpoint.METRICS_GRPC, port);
  }

  @Option(
      names = "--trainer-http-port",
      paramLabel = "PORT",
      description = "HTTP port of the trainer (default: 8081).")
  private void trainerHttp(int port) {
    given.put(Endpoint.TRAINER_HTTP, port);
  }

  @Option(
      names = "--checker-http-port",
      paramLabel = "PORT",
      description = "HTTP port of the checker (default: 8082).")
  private void checkerHttp(int port) {
    given.put(Endpoint.CHECKER_HTTP, port);
  }

  @Option(
      names = "--metrics-http-port",
      paramLabel = "PORT",
      description = "HTTP port of the metrics service (default: 8083).")
  private void metricsHttp(int port) {
    given.put(Endpoint.METRICS_HTTP, port);
  }

  @Option(
      names = "--any-ports",
      description = "Take free ports wherever no other option says which.")
  private boolean any;

  /** Returns the ports for a stack that is to be started. */
  Ports toListenOn() {
    return any ? Ports.anyFreeExcept(given) : Ports.defaultsExcept(given);
  }

  /**
   * Returns the ports of a stack that is there.
   *
   * @throws BadInputException if they are to be chosen, which only its starter can
   */
  public Ports toConnectTo() {
    if (any) {
      throw new BadInputException("--any-ports is for a stack that is started, not with --server");
    }
    return Ports.defaultsExcept(given);
  }
}
