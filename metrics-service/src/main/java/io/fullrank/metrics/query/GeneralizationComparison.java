package io.fullrank.metrics.query;

import io.fullrank.metrics.store.CheckLedger;
import io.fullrank.proto.v1.Certificate;
import io.fullrank.proto.v1.Comparison;
import io.fullrank.proto.v1.ExperimentSpec;
import io.fullrank.proto.v1.GeneralizationSummary;
import io.fullrank.proto.v1.Outcome;
import io.fullrank.proto.v1.PairedDifference;
import io.fullrank.proto.v1.Run;
import io.fullrank.proto.v1.RunResult;
import io.fullrank.proto.v1.RunState;
import io.fullrank.proto.v1.Variant;
import io.fullrank.proto.v1.Verdict;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.TreeMap;
import java.util.function.DoubleConsumer;
import java.util.function.ToDoubleFunction;
import java.util.stream.DoubleStream;
import org.apache.commons.statistics.descriptive.Mean;
import org.apache.commons.statistics.descriptive.Variance;
import org.apache.commons.statistics.distribution.TDistribution;

/**
 * Compares an experiment's base and two-phase runs (section 8 of the theory): one row of the
 * paper's table for each variant.
 *
 * <p>A seed counts for a variant if its run has finished with a test error that is a number; a pair
 * counts if both of its seeds do, wherever its runs were trained. How many finished runs say no
 * test error is told. What the seeds that count leave undefined is absent, never NaN and never 0:
 * means and the ratio of times also where one of these runs lacks the number, so that no mean is
 * over other runs than the test error's.
 */
public final class GeneralizationComparison {

  /** The margin of an experiment that states none: half a percentage point. */
  static final double DEFAULT_MARGIN = 0.005;

  private static final double LEVEL = 0.05;

  private GeneralizationComparison() {}

  /**
   * Compares runs.
   *
   * @param experiment the experiment's name
   * @param all its runs, at least one, in whatever state, gone through once
   */
  public static Comparison of(String experiment, Iterable<Run> all) {
    ExperimentSpec spec = ExperimentSpec.getDefaultInstance();
    List<Run> runs = new ArrayList<>();
    for (Run run : all) {
      if (runs.isEmpty()) {
        spec = run.getRequest().getSpec();
      }
      runs.add(compared(run));
    }
    double margin = spec.getEquivalenceMargin() > 0 ? spec.getEquivalenceMargin() : DEFAULT_MARGIN;
    Map<Long, RunResult> base = results(runs, Variant.VARIANT_BASE);
    Map<Long, RunResult> twoPhase = results(runs, Variant.VARIANT_TWO_PHASE);
    List<Pair> pairs =
        base.keySet().stream()
            .filter(twoPhase::containsKey)
            .map(seed -> new Pair(base.get(seed), twoPhase.get(seed)))
            .toList();

    Comparison.Builder comparison =
        Comparison.newBuilder()
            .setExperiment(experiment)
            .setSpec(spec)
            .setBase(summary(runs, Variant.VARIANT_BASE, base))
            .setTwoPhase(summary(runs, Variant.VARIANT_TWO_PHASE, twoPhase))
            .setEquivalenceMargin(margin);
    compareTestErrors(pairs, margin, comparison);
    // The ratio of the means, not the mean of the ratios: a short base run must not weigh more than
    // a long one.
    OptionalDouble baseSeconds = mean(pairs.stream().mapToDouble(pair -> seconds(pair.base())));
    OptionalDouble twoPhaseSeconds =
        mean(pairs.stream().mapToDouble(pair -> seconds(pair.twoPhase())));
    if (baseSeconds.isPresent() && twoPhaseSeconds.isPresent()) {
      setIfFinite(
          twoPhaseSeconds.getAsDouble() / baseSeconds.getAsDouble(), comparison::setWallTimeRatio);
    }
    return comparison.build();
  }

  /**
   * Returns what is compared of a run. There are thousands in an experiment, and each carries the
   * whole specification, its latest progress and more.
   */
  private static Run compared(Run run) {
    Run.Builder compared = Run.newBuilder().setState(run.getState());
    compared
        .getRequestBuilder()
        .setVariant(run.getRequest().getVariant())
        .setSeed(run.getRequest().getSeed());
    if (run.hasResult()) {
      compared.setResult(
          run.getResult().toBuilder().clearSnapshots().clearGuarantee().clearReason());
    }
    if (run.hasWitnessVerdict()) {
      compared.setWitnessVerdict(compared(run.getWitnessVerdict()));
    }
    if (isExpressivity(run.getLatestVerdict())) {
      compared.setLatestVerdict(compared(run.getLatestVerdict()));
    }
    return compared.build();
  }

  /** Comparisons are about the condition that phase 2 rests on, whatever else is checked. */
  private static boolean isExpressivity(Verdict verdict) {
    return verdict.getCheck().equals(CheckLedger.EXPRESSIVITY);
  }

  private static Verdict compared(Verdict verdict) {
    Verdict.Builder compared = Verdict.newBuilder().setCheck(verdict.getCheck());
    Certificate.Builder certificate = compared.getCertificateBuilder();
    certificate.setOutcomeValue(verdict.getCertificate().getOutcomeValue());
    if (verdict.getCertificate().hasSigmaMinLowerBound()) {
      certificate.setSigmaMinLowerBound(verdict.getCertificate().getSigmaMinLowerBound());
    }
    return compared.build();
  }

  /** What both variants made of one seed. */
  private record Pair(RunResult base, RunResult twoPhase) {}

  private static void compareTestErrors(
      List<Pair> pairs, double margin, Comparison.Builder comparison) {
    double[] differences =
        pairs.stream()
            .mapToDouble(pair -> pair.twoPhase().getTestError() - pair.base().getTestError())
            .toArray();
    PairedDifference.Builder difference =
        comparison.getDifferenceBuilder().setPairs(differences.length);
    if (differences.length >= 1) {
      difference.setMean(Mean.of(differences).getAsDouble());
    }
    if (differences.length >= 2) {
      double mean = difference.getMean();
      double standardError = Math.sqrt(Variance.of(differences).getAsDouble() / differences.length);
      TDistribution student = TDistribution.of(differences.length - 1.0);
      double halfWidth = student.inverseSurvivalProbability(LEVEL / 2) * standardError;
      difference.setCi95Low(mean - halfWidth).setCi95High(mean + halfWidth);
      // Both one-sided tests reject exactly if the interval of level 1 - 2 LEVEL is within the
      // margin; with equal differences it is a point.
      double oneSided = student.inverseSurvivalProbability(LEVEL) * standardError;
      comparison.setEquivalent(Math.abs(mean) + oneSided < margin);
    }
  }

  private static Map<Long, RunResult> results(List<Run> runs, Variant variant) {
    Map<Long, RunResult> bySeed = new TreeMap<>();
    for (Run run : runs) {
      if (run.getRequest().getVariant() == variant
          && run.getState() == RunState.RUN_STATE_FINISHED
          && saysTestError(run)) {
        bySeed.put(run.getRequest().getSeed(), run.getResult());
      }
    }
    return bySeed;
  }

  private static boolean saysTestError(Run run) {
    return run.getResult().hasTestError() && Double.isFinite(run.getResult().getTestError());
  }

  private static GeneralizationSummary summary(
      List<Run> runs, Variant variant, Map<Long, RunResult> results) {
    List<Run> ofVariant =
        runs.stream().filter(run -> run.getRequest().getVariant() == variant).toList();
    GeneralizationSummary.Builder summary =
        GeneralizationSummary.newBuilder()
            .setSeeds(results.size())
            .setRuns(ofVariant.size())
            .setWithoutTestError(
                (int)
                    ofVariant.stream()
                        .filter(run -> run.getState() == RunState.RUN_STATE_FINISHED)
                        .filter(run -> !saysTestError(run))
                        .count());
    describe(results, RunResult::getTestError, summary::setMeanTestError, summary::setStdTestError);
    describe(
        results,
        result -> result.hasFinalTrainLoss() ? result.getFinalTrainLoss() : Double.NaN,
        summary::setMeanTrainLoss,
        summary::setStdTrainLoss);
    mean(results.values().stream().mapToDouble(GeneralizationComparison::seconds))
        .ifPresent(summary::setMeanSeconds);
    List<Certificate> certificates =
        ofVariant.stream().flatMap(run -> certificate(run).stream()).toList();
    for (Certificate certificate : certificates) {
      switch (certificate.getOutcome()) {
        case OUTCOME_CERTIFIED -> summary.setCertified(summary.getCertified() + 1);
        case OUTCOME_REFUTED -> summary.setRefuted(summary.getRefuted() + 1);
        case OUTCOME_UNDETERMINED -> summary.setUndetermined(summary.getUndetermined() + 1);
        // An outcome that only a newer version knows counts as none of these.
        case OUTCOME_UNSPECIFIED, UNRECOGNIZED -> {}
      }
    }
    List<Certificate> certified =
        certificates.stream().filter(c -> c.getOutcome() == Outcome.OUTCOME_CERTIFIED).toList();
    if (certified.stream().allMatch(Certificate::hasSigmaMinLowerBound)) {
      certified.stream()
          .mapToDouble(Certificate::getSigmaMinLowerBound)
          .min()
          .ifPresent(summary::setSigmaMinLowerBound);
    }
    return summary.build();
  }

  /**
   * Returns the certificate that counts: for a two-phase run that of its witness, on whose features
   * phase 2 trains, and none before there is one; for a base run, which has no witness, that of the
   * newest step checked.
   */
  private static Optional<Certificate> certificate(Run run) {
    if (run.getRequest().getVariant() == Variant.VARIANT_TWO_PHASE) {
      return run.hasWitnessVerdict()
          ? Optional.of(run.getWitnessVerdict().getCertificate())
          : Optional.empty();
    }
    return isExpressivity(run.getLatestVerdict())
        ? Optional.of(run.getLatestVerdict().getCertificate())
        : Optional.empty();
  }

  private static void describe(
      Map<Long, RunResult> results,
      ToDoubleFunction<RunResult> quantity,
      DoubleConsumer mean,
      DoubleConsumer deviation) {
    double[] values = results.values().stream().mapToDouble(quantity).toArray();
    if (values.length >= 1) {
      setIfFinite(Mean.of(values).getAsDouble(), mean);
    }
    if (values.length >= 2) {
      setIfFinite(Math.sqrt(Variance.of(values).getAsDouble()), deviation);
    }
  }

  private static OptionalDouble mean(DoubleStream values) {
    double[] all = values.toArray();
    double mean = all.length == 0 ? Double.NaN : Mean.of(all).getAsDouble();
    return Double.isFinite(mean) ? OptionalDouble.of(mean) : OptionalDouble.empty();
  }

  /** How long a run took; not a number where it did not say. */
  private static double seconds(RunResult result) {
    return result.getSeconds() > 0 ? result.getSeconds() : Double.NaN;
  }

  private static void setIfFinite(double value, DoubleConsumer field) {
    if (Double.isFinite(value)) {
      field.accept(value);
    }
  }
}
