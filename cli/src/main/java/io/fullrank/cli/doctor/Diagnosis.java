package io.fullrank.cli.doctor;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.fullrank.cli.doctor.Finding.Condition;
import io.fullrank.cli.report.Json;
import io.fullrank.cli.terminal.TextTable;
import java.util.List;

/**
 * What {@code fullrank doctor} has to say, for people and as JSON.
 *
 * @param findings in the order in which they are told
 */
record Diagnosis(List<Finding> findings) {

  Diagnosis {
    findings = List.copyOf(findings);
  }

  /** Returns whether nothing essential is missing. */
  boolean isWell() {
    return findings.stream().noneMatch(finding -> finding.condition() == Condition.BAD);
  }

  /** Returns a line for each finding. */
  List<String> lines() {
    TextTable table = new TextTable();
    for (Finding finding : findings) {
      table.row(finding.condition().toString(), finding.subject(), finding.sentence());
    }
    return table.lines();
  }

  /** Returns a JSON object: whether all is well, and the findings. */
  String toJson() {
    ObjectNode root = Json.object();
    root.put("well", isWell());
    ArrayNode list = root.putArray("findings");
    for (Finding finding : findings) {
      list.addObject()
          .put("subject", finding.subject())
          .put("condition", finding.condition().name())
          .put("found", finding.found())
          .put("advice", finding.advice().orElse(null));
    }
    return Json.text(root);
  }
}
