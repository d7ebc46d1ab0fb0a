package io.fullrank.cli.installation;

/** A place where a stack listens. */
public enum Endpoint {
  /** The broker. */
  KAFKA("Kafka", "--kafka-port", 9092),
  /** The trainer's gRPC. */
  TRAINER_GRPC("trainer gRPC", "--trainer-port", 9001),
  /** The checker's gRPC. */
  CHECKER_GRPC("checker gRPC", "--checker-port", 9002),
  /** The metrics service's gRPC. */
  METRICS_GRPC("metrics gRPC", "--metrics-port", 9003),
  /** The trainer's health and Prometheus metrics. */
  TRAINER_HTTP("trainer HTTP", "--trainer-http-port", 8081),
  /** The checker's health and Prometheus metrics. */
  CHECKER_HTTP("checker HTTP", "--checker-http-port", 8082),
  /** The metrics service's health and Prometheus metrics. */
  METRICS_HTTP("metrics HTTP", "--metrics-http-port", 8083);

  private final String title;
  private final String option;
  private final int defaultPort;

  Endpoint(String title, String option, int defaultPort) {
    this.title = title;
    this.option = option;
    this.defaultPort = defaultPort;
  }

  /** Returns the name for people. */
  public String title() {
    return title;
  }

  /** Returns the option that moves it to another port. */
  public String option() {
    return option;
  }

  /** Returns the port it listens on unless told otherwise. */
  public int defaultPort() {
    return defaultPort;
  }
}
