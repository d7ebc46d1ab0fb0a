package io.fullrank.cli.installation;

import java.util.Locale;

/** One of the three services of a stack. */
public enum Service {
  /** Takes experiments and trains them. */
  TRAINER(Endpoint.TRAINER_GRPC, Endpoint.TRAINER_HTTP, "2g"),
  /** Turns snapshots into verdicts. */
  CHECKER(Endpoint.CHECKER_GRPC, Endpoint.CHECKER_HTTP, "4g"),
  /** Answers questions about the runs. */
  METRICS(Endpoint.METRICS_GRPC, Endpoint.METRICS_HTTP, "512m");

  private final Endpoint grpc;
  private final Endpoint http;
  private final String heap;

  Service(Endpoint grpc, Endpoint http, String heap) {
    this.grpc = grpc;
    this.http = http;
    this.heap = heap;
  }

  /** Returns where it answers gRPC. */
  public Endpoint grpc() {
    return grpc;
  }

  /** Returns where it answers HTTP: health and Prometheus metrics. */
  public Endpoint http() {
    return http;
  }

  /** Returns the largest Java heap it may take on a laptop, as {@code -Xmx} has it. */
  public String heap() {
    return heap;
  }

  /** Returns the name for people and for files, such as {@code trainer}. */
  public String title() {
    return name().toLowerCase(Locale.ROOT);
  }
}
