package io.fullrank.cli.stack;

import io.fullrank.cli.installation.Endpoint;
import io.fullrank.cli.installation.Ports;
import io.fullrank.cli.installation.Service;
import io.fullrank.cli.terminal.TextTable;
import java.util.ArrayList;
import java.util.List;

/** Where a stack can be reached, for people. */
public final class StackAddresses {

  private StackAddresses() {}

  /** Returns a table of addresses, and how to stop. */
  public static List<String> lines(Stack stack) {
    Ports ports = stack.ports();
    TextTable table = new TextTable();
    table.row("Kafka", ports.address(Endpoint.KAFKA));
    for (Service service : Service.values()) {
      table.row(
          service.title(),
          ports.address(service.grpc()) + " (gRPC)",
          "http://%s/metrics".formatted(ports.address(service.http())),
          "http://%s/q/health".formatted(ports.address(service.http())));
    }
    table.row("page", "http://%s/".formatted(ports.address(Endpoint.METRICS_HTTP)));
    table.row("logs", stack.work().toString());
    List<String> lines = new ArrayList<>();
    lines.add("Fullrank is up; Ctrl-C stops it.");
    lines.addAll(table.lines());
    return lines;
  }
}
