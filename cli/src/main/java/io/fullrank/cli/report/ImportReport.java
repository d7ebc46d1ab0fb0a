package io.fullrank.cli.report;

import java.util.ArrayList;
import java.util.List;

/**
 * What became of a file of reports.
 *
 * @param file that was played
 * @param run its name at the server
 * @param experiment the run's experiment
 * @param snapshots how many were in the file
 * @param ended whether the file had the run's result
 * @param warnings of the server
 */
public record ImportReport(
    String file,
    String run,
    String experiment,
    long snapshots,
    boolean ended,
    List<String> warnings) {

  /** Returns the report as JSON. */
  public String toJson() {
    return Json.text(this);
  }

  /** Returns the report for people. */
  public List<String> lines() {
    List<String> lines = new ArrayList<>();
    warnings.forEach(warning -> lines.add("Warning: " + warning));
    lines.add("Run %s with %d snapshots.".formatted(run, snapshots));
    if (!ended) {
      lines.add("The file has no result of the run; the run will be shown as stalled.");
    }
    lines.add("'fullrank runs --experiment %s' lists what is known of it.".formatted(experiment));
    return lines;
  }
}
