package io.fullrank.cli.report;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.fullrank.certificate.cholesky.Spectrum;
import io.fullrank.certificate.cholesky.Spectrum.Figure;
import io.fullrank.certificate.cholesky.Spectrum.Histogram;
import io.fullrank.certificate.result.Certificate;
import io.fullrank.certificate.result.CertificateMethod;
import io.fullrank.certificate.result.DrawnPrimes;
import io.fullrank.certificate.result.Outcome;
import io.fullrank.cli.terminal.Decimals;
import io.fullrank.cli.terminal.TextTable;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.stream.Collectors;

/**
 * What {@code fullrank check} has to say about a matrix, for people and as JSON.
 *
 * @param file as the user named it
 * @param tensor its name in the file, if it has one
 * @param sha256 of the file's entries, as {@link MatrixInput} has it
 * @param withOnes whether the column of ones was appended
 * @param certificate of the matrix
 * @param spectrum if it was asked for
 * @param seconds the time that each stage took, in order, and {@code total}
 */
public record CheckReport(
    String file,
    Optional<String> tensor,
    String sha256,
    boolean withOnes,
    Certificate certificate,
    Optional<Spectrum> spectrum,
    Map<String, Duration> seconds) {

  /** Heights of a bar; none is the first, and the lowest is at least one singular value. */
  private static final String BARS = " ▁▂▃▄▅▆▇█";

  private static final int PRIMES_SHOWN = 6;

  /** Returns the lines for people. */
  public List<String> lines() {
    List<String> lines = new ArrayList<>();
    lines.add(file + tensor.map(name -> ", tensor " + MatrixInput.printable(name)).orElse(""));
    lines.addAll(table().lines());
    return lines;
  }

  TextTable table() {
    TextTable table = new TextTable();
    table.row("outcome", certificate.outcome() + ", by " + tier());
    table.row("", certificate.reason());
    if (certificate.outcome() == Outcome.UNDETERMINED
        && certificate.method() == CertificateMethod.CHOLESKY) {
      table.row("", "--method auto goes on to that");
    }
    table.row(
        "matrix",
        "%d × %d%s"
            .formatted(
                certificate.rows(),
                certificate.columns(),
                withOnes ? ", column of ones included" : ""));
    table.row("SHA-256", sha256);
    table.row("rank", "≥ " + certificate.rankLowerBound() + " (bound)");
    row(table, "σ_min", sigmaMin());
    row(table, "σ_max", sigmaMax());
    spectrum.ifPresent(found -> addSpectrum(table, found));
    certificate
        .falseRefutationProbability()
        .ifPresent(
            probability ->
                table.row(
                    "error",
                    probability == 0
                        ? "none: the refutation is proven"
                        : "a matrix of full row rank is refuted with probability ≤ "
                            + Decimals.upperBound(probability)
                            + " (bound), over the draw of the primes"));
    certificate.primes().ifPresent(drawn -> table.row("primes", primes(drawn)));
    table.row("method", certificate.method().toString());
    table.row("backend", certificate.backend());
    table.row("time", times());
    return table;
  }

  private String tier() {
    return switch (certificate.method()) {
      case STRUCTURE -> "its structure";
      case CHOLESKY -> "verified Cholesky";
      case MODULAR ->
          certificate.falseRefutationProbability().orElse(1) == 0
              ? "a relation of its rows"
              : "the exact rank modulo primes";
      case CARRY_OVER -> "the distance to a certified matrix";
    };
  }

  private Figure sigmaMin() {
    return spectrum
        .map(Spectrum::sigmaMin)
        .orElseGet(
            () ->
                new Figure(
                    certificate.sigmaMinEstimate(),
                    certificate.sigmaMinLowerBound(),
                    OptionalDouble.empty()));
  }

  private Figure sigmaMax() {
    return spectrum
        .map(Spectrum::sigmaMax)
        .orElseGet(
            () ->
                new Figure(
                    OptionalDouble.empty(),
                    OptionalDouble.empty(),
                    certificate.sigmaMaxUpperBound()));
  }

  private static void addSpectrum(TextTable table, Spectrum spectrum) {
    row(table, "condition", spectrum.conditionNumber());
    row(table, "effective rank", spectrum.effectiveRank());
    row(table, "stable rank", spectrum.stableRank());
    Histogram histogram = spectrum.histogram();
    double[] edges = histogram.edges();
    String resolution = Decimals.measured(histogram.resolution());
    table.row(
        "spectrum",
        "%s │%s│ %s"
            .formatted(
                resolution, bars(histogram.counts()), Decimals.measured(edges[edges.length - 1])));
    table.row(
        "",
        "the singular values (estimates) by size, logarithmic; %d below %s, where they cannot be told from 0"
            .formatted(histogram.belowResolution(), resolution));
  }

  private static String bars(int[] counts) {
    int largest = Math.max(1, Arrays.stream(counts).max().getAsInt());
    int heights = BARS.length() - 1;
    return Arrays.stream(counts)
        .mapToObj(count -> BARS.charAt((int) Math.ceil((double) count * heights / largest)))
        .map(String::valueOf)
        .collect(Collectors.joining());
  }

  private static void row(TextTable table, String name, Figure figure) {
    List<String> known = new ArrayList<>();
    figure.lowerBound().ifPresent(x -> known.add("≥ " + Decimals.lowerBound(x) + " (bound)"));
    figure.upperBound().ifPresent(x -> known.add("≤ " + Decimals.upperBound(x) + " (bound)"));
    figure.estimate().ifPresent(x -> known.add("≈ " + Decimals.measured(x) + " (estimate)"));
    if (!known.isEmpty()) {
      table.row(name, String.join(", ", known));
    }
  }

  private static String primes(DrawnPrimes drawn) {
    String first =
        drawn.primes().stream()
            .limit(PRIMES_SHOWN)
            .map(String::valueOf)
            .collect(Collectors.joining(", "));
    int more = drawn.primes().size() - PRIMES_SHOWN;
    return "%s%s (seed %d)"
        .formatted(first, more > 0 ? " and " + more + " more" : "", drawn.seed());
  }

  private String times() {
    String total = Decimals.measured(inSeconds(seconds.get("total"))) + " s";
    // A matrix that does not fit into memory is never loaded as a whole.
    return seconds.containsKey("load")
        ? "%s, of which %s s to load"
            .formatted(total, Decimals.measured(inSeconds(seconds.get("load"))))
        : total;
  }

  /** Returns the report as a JSON object; absent values are null. */
  public String toJson() {
    return Json.text(tree());
  }

  ObjectNode tree() {
    ObjectNode root = Json.MAPPER.createObjectNode();
    root.put("file", file);
    root.put("tensor", tensor.orElse(null));
    root.put("sha256", sha256);
    root.put("outcome", certificate.outcome().toString());
    root.put("method", certificate.method().toString());
    root.put("rows", certificate.rows());
    root.put("columns", certificate.columns());
    root.put("rankLowerBound", certificate.rankLowerBound());
    root.put("sigmaMinLowerBound", orNull(certificate.sigmaMinLowerBound()));
    root.put("sigmaMinEstimate", orNull(certificate.sigmaMinEstimate()));
    root.put("sigmaMaxUpperBound", orNull(certificate.sigmaMaxUpperBound()));
    root.put("falseRefutationProbability", orNull(certificate.falseRefutationProbability()));
    root.put("reason", certificate.reason());
    root.put("backend", certificate.backend());
    ArrayNode primes = root.putArray("primes");
    certificate
        .primes()
        .ifPresent(
            drawn -> {
              drawn.primes().forEach(primes::add);
              root.put("primeSeed", drawn.seed());
            });
    spectrum.ifPresent(found -> addSpectrum(root.putObject("spectrum"), found));
    ObjectNode stages = root.putObject("seconds");
    seconds.forEach((stage, duration) -> stages.put(stage, inSeconds(duration)));
    return root;
  }

  private static void addSpectrum(ObjectNode json, Spectrum spectrum) {
    add(json.putObject("sigmaMin"), spectrum.sigmaMin());
    add(json.putObject("sigmaMax"), spectrum.sigmaMax());
    add(json.putObject("conditionNumber"), spectrum.conditionNumber());
    add(json.putObject("effectiveRank"), spectrum.effectiveRank());
    add(json.putObject("stableRank"), spectrum.stableRank());
    Histogram histogram = spectrum.histogram();
    ObjectNode bins = json.putObject("histogram");
    bins.put("resolution", finiteOrNull(histogram.resolution()));
    bins.put("belowResolution", histogram.belowResolution());
    ArrayNode edges = bins.putArray("edges");
    Arrays.stream(histogram.edges()).forEach(edge -> edges.add(finiteOrNull(edge)));
    ArrayNode counts = bins.putArray("counts");
    Arrays.stream(histogram.counts()).forEach(counts::add);
  }

  private static void add(ObjectNode json, Figure figure) {
    json.put("estimate", orNull(figure.estimate()));
    json.put("lowerBound", orNull(figure.lowerBound()));
    json.put("upperBound", orNull(figure.upperBound()));
  }

  private static Double orNull(OptionalDouble value) {
    return value.isPresent() ? (Double) value.getAsDouble() : null;
  }

  private static Double finiteOrNull(double value) {
    return Double.isFinite(value) ? (Double) value : null;
  }

  private static double inSeconds(Duration duration) {
    return duration.toNanos() / 1e9;
  }
}
