package io.fullrank.metrics;

import io.fullrank.proto.v1.Comparison;
import io.fullrank.proto.v1.GeneralizationSummary;
import io.fullrank.proto.v1.PairedDifference;
import io.fullrank.proto.v1.Run;
import io.fullrank.proto.v1.RunState;
import io.fullrank.proto.v1.Variant;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.commons.math3.distribution.TDistribution;
import org.apache.commons.math3.stat.StatUtils;

/**
 * Compares the test errors of an experiment's base and two-phase runs (section 8 of the theory).
 * What the seeds at hand leave undefined is absent, never NaN.
 */
final class GeneralizationComparison {

  /** The margin of an experiment that states none: half a percentage point. */
  static final double DEFAULT_MARGIN = 0.005;

  private static final double LEVEL = 0.05;

  private GeneralizationComparison() {}

  /**
   * Compares runs.
   *
   * @param experiment the experiment's name
   * @param runs its runs, at least one; those that have not finished do not count
   */
  static Comparison of(String experiment, List<Run> runs) {
    Map<Long, Double> base = testErrors(runs, Variant.VARIANT_BASE);
    Map<Long, Double> twoPhase = testErrors(runs, Variant.VARIANT_TWO_PHASE);
    double[] differences =
        base.keySet().stream()
            .filter(twoPhase::containsKey)
            .mapToDouble(seed -> twoPhase.get(seed) - base.get(seed))
            .toArray();
    double stated = runs.get(0).getRequest().getSpec().getEquivalenceMargin();
    double margin = stated > 0 ? stated : DEFAULT_MARGIN;

    Comparison.Builder comparison =
        Comparison.newBuilder()
            .setExperiment(experiment)
            .setBase(summary(base.values()))
            .setTwoPhase(summary(twoPhase.values()))
            .setEquivalenceMargin(margin);
    PairedDifference.Builder difference =
        PairedDifference.newBuilder().setPairs(differences.length);
    if (differences.length >= 1) {
      difference.setMean(StatUtils.mean(differences));
    }
    if (differences.length >= 2) {
      double mean = difference.getMean();
      double standardError = Math.sqrt(StatUtils.variance(differences) / differences.length);
      TDistribution student = new TDistribution(null, differences.length - 1.0);
      double halfWidth = student.inverseCumulativeProbability(1 - LEVEL / 2) * standardError;
      difference.setCi95Low(mean - halfWidth).setCi95High(mean + halfWidth);
      // Both one-sided tests reject exactly if the interval of level 1 - 2 LEVEL is within the
      // margin; with equal differences it is a point.
      double twoSided = student.inverseCumulativeProbability(1 - LEVEL) * standardError;
      comparison.setEquivalent(Math.abs(mean) + twoSided < margin);
    }
    return comparison.setDifference(difference).build();
  }

  private static Map<Long, Double> testErrors(List<Run> runs, Variant variant) {
    Map<Long, Double> bySeed = new TreeMap<>();
    for (Run run : runs) {
      if (run.getRequest().getVariant() == variant
          && run.getState() == RunState.RUN_STATE_FINISHED
          && run.getResult().hasTestError()
          && Double.isFinite(run.getResult().getTestError())) {
        bySeed.put(run.getRequest().getSeed(), run.getResult().getTestError());
      }
    }
    return bySeed;
  }

  private static GeneralizationSummary summary(Collection<Double> testErrors) {
    double[] values = testErrors.stream().mapToDouble(Double::doubleValue).toArray();
    GeneralizationSummary.Builder summary =
        GeneralizationSummary.newBuilder().setSeeds(values.length);
    if (values.length >= 1) {
      summary.setMeanTestError(StatUtils.mean(values));
    }
    if (values.length >= 2) {
      summary.setStdTestError(Math.sqrt(StatUtils.variance(values)));
    }
    return summary.build();
  }
}
