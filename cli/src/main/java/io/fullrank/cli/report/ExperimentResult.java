package io.fullrank.cli.report;

import com.google.protobuf.util.Timestamps;
import io.fullrank.proto.v1.Comparison;
import io.fullrank.proto.v1.Run;
import java.util.Collection;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/**
 * What the metrics service answers about one experiment.
 *
 * @param comparison its variants side by side, with the experiment's identity and specification
 * @param runs at least one
 */
public record ExperimentResult(Comparison comparison, List<Run> runs) {

  /** Copies the list. */
  public ExperimentResult {
    runs = List.copyOf(runs);
  }

  /** Returns the experiment's identity. */
  String experiment() {
    return comparison.getExperiment();
  }

  /** Returns the summary for people. */
  public ExperimentSummary summary() {
    return new ExperimentSummary(experiment(), comparison.getSpec(), runs, comparison);
  }

  /** Returns the report for files. */
  public ExperimentReport report() {
    return ExperimentReport.of(experiment(), comparison.getSpec(), runs, comparison);
  }

  /**
   * Returns, of all experiments with the same name in their files, the one submitted last, in the
   * order of submission.
   *
   * @param runs the runs of an experiment, at least one
   */
  public static <T> List<T> newestOfEachName(
      Collection<T> experiments, Function<T, List<Run>> runs) {
    Map<String, T> newest = new LinkedHashMap<>();
    experiments.stream()
        .sorted(
            Comparator.comparing(
                experiment -> runs.apply(experiment).get(0).getRequest().getSubmittedAt(),
                Timestamps.comparator()))
        .forEach(
            experiment -> {
              String name = runs.apply(experiment).get(0).getRequest().getSpec().getName();
              // Removed first, so that the newer one is entered at its own place in the order.
              newest.remove(name);
              newest.put(name, experiment);
            });
    return List.copyOf(newest.values());
  }
}
