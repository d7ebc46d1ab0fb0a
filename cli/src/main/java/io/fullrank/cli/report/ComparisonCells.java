package io.fullrank.cli.report;

import io.fullrank.cli.terminal.Decimals;
import io.fullrank.proto.v1.Comparison;
import io.fullrank.proto.v1.GeneralizationSummary;
import io.fullrank.proto.v1.PairedDifference;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The figures of a comparison for people, as both the summary of an experiment and the table of
 * many have them. All of them were computed by the metrics service.
 */
final class ComparisonCells {

  private static final String NOTHING = "—";

  private ComparisonCells() {}

  /** Returns how many seeds count, {@code 5} or {@code 4 of 5}. */
  static String seeds(GeneralizationSummary summary) {
    return summary.getSeeds() == summary.getRuns()
        ? String.valueOf(summary.getRuns())
        : "%d of %d".formatted(summary.getSeeds(), summary.getRuns());
  }

  /** Returns mean and standard deviation, {@code 7.3% ± 0.4}. */
  static String testError(GeneralizationSummary summary) {
    if (!summary.hasMeanTestError()) {
      return NOTHING;
    }
    String mean = Decimals.percent(summary.getMeanTestError());
    return summary.hasStdTestError()
        ? mean + " ± " + Decimals.points(summary.getStdTestError())
        : mean;
  }

  /** Returns the mean training loss. */
  static String trainLoss(GeneralizationSummary summary) {
    return summary.hasMeanTrainLoss() ? Decimals.measured(summary.getMeanTrainLoss()) : NOTHING;
  }

  /** Returns how many runs have which certificate, and the bound that holds for all CERTIFIED. */
  static String certificates(GeneralizationSummary summary) {
    List<String> parts = new ArrayList<>();
    count(parts, "CERTIFIED", summary.getCertified(), summary);
    count(parts, "REFUTED", summary.getRefuted(), summary);
    count(parts, "UNDETERMINED", summary.getUndetermined(), summary);
    if (summary.hasSigmaMinLowerBound()) {
      parts.add("σ_min ≥ " + Decimals.lowerBound(summary.getSigmaMinLowerBound()));
    }
    return parts.isEmpty() ? NOTHING : String.join(", ", parts);
  }

  private static void count(
      List<String> parts, String outcome, int runs, GeneralizationSummary summary) {
    if (runs > 0) {
      parts.add("%s %d of %d".formatted(outcome, runs, summary.getRuns()));
    }
  }

  /** Returns how many times as long as base two-phase took, {@code 0.97}. */
  static String wallTimeRatio(Comparison comparison) {
    return comparison.hasWallTimeRatio()
        ? Decimals.measured(comparison.getWallTimeRatio())
        : NOTHING;
  }

  /** Returns the mean difference in points, {@code −0.2}, if a pair of runs defines it. */
  static Optional<String> difference(PairedDifference difference) {
    return difference.hasMean()
        ? Optional.of(Decimals.signedPoints(difference.getMean()))
        : Optional.empty();
  }

  /** Returns the 95% confidence interval in points, {@code −0.5 to +0.1}, if it is defined. */
  static Optional<String> interval(PairedDifference difference) {
    return difference.hasCi95Low() && difference.hasCi95High()
        ? Optional.of(
            "%s to %s"
                .formatted(
                    Decimals.signedPoints(difference.getCi95Low()),
                    Decimals.signedPoints(difference.getCi95High())))
        : Optional.empty();
  }

  /** Returns {@code within 0.5 points: yes}. */
  static String equivalence(Comparison comparison) {
    return "within %s points: %s"
        .formatted(
            Decimals.points(comparison.getEquivalenceMargin()),
            comparison.hasEquivalent()
                ? comparison.getEquivalent() ? "yes" : "not shown"
                : "too few seeds to say");
  }
}
