package io.fullrank.checker.monitor;

import io.fullrank.network.monitor.Quantiles;
import io.fullrank.proto.v1.Histogram;
import io.fullrank.proto.v1.Measure;
import io.fullrank.proto.v1.MeasureKind;
import io.fullrank.proto.v1.Verdict;
import java.util.Arrays;
import java.util.Map;

/** Pure numbers and their distributions, put into a verdict; those that are not finite are not. */
record Measures(Verdict.Builder verdict) {

  /** A measure of the whole network. */
  static final String NETWORK = "";

  private static final String PURE_NUMBER = "1";

  /** What is shown of a distribution, by the ends of its measures' names. */
  private static final Map<String, Double> QUANTILES =
      Map.of(
          "min", 0.0, "p5", 0.05, "p25", 0.25, "median", 0.5, "p75", 0.75, "p95", 0.95, "max", 1.0);

  private static final int BINS = 32;

  void add(MeasureKind kind, String name, String layer, double value) {
    if (Double.isFinite(value)) {
      verdict.addMeasures(
          Measure.newBuilder()
              .setKind(kind)
              .setName(name)
              .setLayer(layer)
              .setValue(value)
              .setUnit(PURE_NUMBER));
    }
  }

  void estimate(String name, String layer, double value) {
    add(MeasureKind.MEASURE_KIND_ESTIMATE, name, layer, value);
  }

  /** Quantiles as estimates: "name-min", "name-p5", …, "name-max". */
  void estimate(String name, String layer, Quantiles quantiles) {
    QUANTILES.entrySet().stream()
        .sorted(Map.Entry.comparingByValue())
        .forEach(
            place -> estimate(name + "-" + place.getKey(), layer, quantiles.at(place.getValue())));
  }

  void histogram(String name, String layer, Quantiles quantiles) {
    double[] edges = quantiles.edges(BINS);
    verdict.addHistograms(
        Histogram.newBuilder()
            .setName(name)
            .setLayer(layer)
            .addAllEdges(Arrays.stream(edges).boxed().toList())
            .addAllCounts(Arrays.stream(quantiles.counts(edges)).boxed().toList())
            .setUnit(PURE_NUMBER));
  }
}
