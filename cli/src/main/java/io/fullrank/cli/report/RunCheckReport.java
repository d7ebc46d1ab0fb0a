package io.fullrank.cli.report;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.fullrank.certificate.result.Certificate;
import io.fullrank.cli.terminal.TextTable;
import io.fullrank.network.exact.ExactNetwork;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What {@code fullrank check-run} has to say about the features of a run, for people and as JSON.
 *
 * @param run its name
 * @param step of the snapshot
 * @param features what {@code fullrank check} says of the matrix
 * @param exact what is known of the exact network, if it was asked for
 */
public record RunCheckReport(
    String run, long step, CheckReport features, Optional<ExactNetwork> exact) {

  /** Puts a report together; the SHA-256 is that of the whole matrix, as verdicts have it. */
  public static RunCheckReport of(
      String run,
      long step,
      String sha256,
      Certificate certificate,
      Optional<ExactNetwork> exact,
      Map<String, Duration> seconds) {
    return new RunCheckReport(
        run,
        step,
        new CheckReport(
            run, Optional.empty(), sha256, true, certificate, Optional.empty(), seconds),
        exact);
  }

  /** Returns the lines for people. */
  public List<String> lines() {
    TextTable table = features.table();
    table.row("speaks of", isExact() ? "the exact network, too" : "the features as computed");
    exact.ifPresent(judged -> table.row("", judged.sentence()));
    List<String> lines = new ArrayList<>();
    lines.add("run %s, step %d".formatted(run, step));
    lines.addAll(table.lines());
    return lines;
  }

  /** Returns the report as a JSON object: that of the matrix, with the run and the statement. */
  public String toJson() {
    ObjectNode root = Json.MAPPER.createObjectNode();
    root.put("run", run);
    root.put("step", step);
    root.put("statement", isExact() ? "EXACT_NETWORK" : "AS_COMPUTED");
    root.put("statementReason", exact.map(ExactNetwork::sentence).orElse(null));
    ObjectNode matrix = features.tree();
    matrix.remove(List.of("file", "tensor"));
    return Json.text(root.setAll(matrix));
  }

  /** Returns whether the exact network's features are proven to have full row rank. */
  public boolean isExact() {
    return exact.filter(ExactNetwork::isProven).isPresent();
  }
}
