package io.fullrank.cli.report;

import io.fullrank.cli.message.Labels;
import io.fullrank.cli.message.Runs;
import io.fullrank.cli.terminal.TextTable;
import io.fullrank.proto.v1.Augmentation;
import io.fullrank.proto.v1.Comparison;
import io.fullrank.proto.v1.DataSetSpec;
import io.fullrank.proto.v1.GeneralizationSummary;
import io.fullrank.proto.v1.PairedDifference;
import io.fullrank.proto.v1.Run;
import io.fullrank.proto.v1.Variant;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The table of Kawaguchi and Sun's comparison: one row for each experiment, that is data set and
 * augmentation, and variant. It computes nothing; every figure is the metrics service's.
 */
public final class ComparisonTable {

  private static final List<String> HEADER =
      List.of(
          "experiment",
          "data set",
          "augmentation",
          "variant",
          "seeds",
          "test error",
          "train loss",
          "time ratio",
          "certificate",
          "trained by",
          "difference in points (95% confidence)",
          "equivalent");

  private static final String CLIENT = "client";

  private final List<ExperimentResult> results;

  public ComparisonTable(List<ExperimentResult> results) {
    this.results = List.copyOf(results);
  }

  /** Returns the table's lines. */
  public List<String> lines(TableFormat format) {
    return switch (format) {
      case TEXT -> text();
      case MARKDOWN -> markdown();
      case CSV -> csv();
    };
  }

  private List<String> text() {
    TextTable table = new TextTable();
    table.row(HEADER.toArray(String[]::new));
    rows().forEach(row -> table.row(row.toArray(String[]::new)));
    return table.lines();
  }

  private List<String> markdown() {
    List<String> lines = new ArrayList<>();
    lines.add(markdown(HEADER));
    lines.add(markdown(HEADER.stream().map(column -> "---").toList()));
    rows().forEach(row -> lines.add(markdown(row)));
    return lines;
  }

  private static String markdown(List<String> cells) {
    return cells.stream()
        .map(cell -> cell.replace("|", "\\|"))
        .collect(Collectors.joining(" | ", "| ", " |"));
  }

  private List<List<String>> rows() {
    List<List<String>> rows = new ArrayList<>();
    for (ExperimentResult result : results) {
      Comparison comparison = result.comparison();
      // Figures of the pair of variants stand in the row of the second variant.
      if (comparison.getBase().getRuns() > 0) {
        rows.add(row(result, Variant.VARIANT_BASE, comparison.getBase(), "", "", ""));
      }
      if (comparison.getTwoPhase().getRuns() > 0) {
        boolean paired = comparison.getBase().getRuns() > 0;
        rows.add(
            row(
                result,
                Variant.VARIANT_TWO_PHASE,
                comparison.getTwoPhase(),
                paired ? ComparisonCells.wallTimeRatio(comparison) : "",
                difference(comparison.getDifference()),
                paired ? ComparisonCells.equivalence(comparison) : ""));
      }
    }
    return rows;
  }

  private static List<String> row(
      ExperimentResult result,
      Variant variant,
      GeneralizationSummary summary,
      String wallTimeRatio,
      String difference,
      String equivalence) {
    DataSetSpec dataSet = result.comparison().getSpec().getDataSet();
    return List.of(
        result.experiment(),
        dataSet(dataSet),
        augmentation(dataSet),
        Labels.word(variant, "VARIANT_"),
        ComparisonCells.seeds(summary),
        ComparisonCells.testError(summary),
        ComparisonCells.trainLoss(summary),
        wallTimeRatio,
        ComparisonCells.certificates(summary)
            + (sources(result, variant).contains(CLIENT)
                ? " (features as computed by the client)"
                : ""),
        trainedBy(result, variant),
        difference,
        equivalence);
  }

  /** Returns {@code mnist}, {@code mnist (2000 rows)} or {@code mnist (random labels 0.5)}. */
  private static String dataSet(DataSetSpec dataSet) {
    List<String> remarks = new ArrayList<>();
    if (dataSet.getTrainSize() != 0) {
      remarks.add(Integer.toUnsignedString(dataSet.getTrainSize()) + " rows");
    }
    if (dataSet.hasLabelNoise()) {
      remarks.add("random labels " + dataSet.getLabelNoise().getProbability());
    }
    return remarks.isEmpty()
        ? dataSet.getName()
        : "%s (%s)".formatted(dataSet.getName(), String.join(", ", remarks));
  }

  /** Returns {@code fullrank}, or the frameworks that trained the runs of a variant. */
  private static String trainedBy(ExperimentResult result, Variant variant) {
    return of(result, variant).map(Runs::trainedBy).distinct().collect(Collectors.joining(" and "));
  }

  /** Returns where the features come from whose certificates count. */
  private static String sources(ExperimentResult result, Variant variant) {
    return of(result, variant)
        .flatMap(run -> Runs.certificateOf(run).stream())
        .map(verdict -> Runs.isOfClient(verdict) ? CLIENT : "recomputed")
        .distinct()
        .collect(Collectors.joining(" and "));
  }

  private static Stream<Run> of(ExperimentResult result, Variant variant) {
    return result.runs().stream().filter(run -> run.getRequest().getVariant() == variant);
  }

  private static String augmentation(DataSetSpec dataSet) {
    if (!dataSet.hasAugmentation()) {
      return "no";
    }
    Augmentation augmentation = dataSet.getAugmentation();
    List<String> changes = new ArrayList<>();
    if (augmentation.getCropPadding() != 0) {
      changes.add("crop " + Integer.toUnsignedString(augmentation.getCropPadding()));
    }
    if (augmentation.getHorizontalFlip()) {
      changes.add("flip");
    }
    return String.join(", ", changes);
  }

  private static String difference(PairedDifference difference) {
    return ComparisonCells.difference(difference).orElse("")
        + ComparisonCells.interval(difference).map(" (%s)"::formatted).orElse("");
  }

  // --- CSV: numbers, and names, of which those that programs outside Fullrank chose may need
  // quotes.

  private List<String> csv() {
    List<String> lines = new ArrayList<>();
    lines.add(
        "experiment,data_set,train_size,crop_padding,horizontal_flip,label_noise,variant,runs,seeds,"
            + "mean_test_error,std_test_error,mean_train_loss,std_train_loss,mean_seconds,"
            + "certified,refuted,undetermined,sigma_min_lower_bound,"
            + "wall_time_ratio,pairs,mean_difference,ci95_low,ci95_high,equivalence_margin,equivalent,"
            + "without_test_error,features,trained_by");
    for (ExperimentResult result : results) {
      Comparison comparison = result.comparison();
      if (comparison.getBase().getRuns() > 0) {
        lines.add(csv(result, Variant.VARIANT_BASE, comparison.getBase()));
      }
      if (comparison.getTwoPhase().getRuns() > 0) {
        lines.add(csv(result, Variant.VARIANT_TWO_PHASE, comparison.getTwoPhase()));
      }
    }
    return lines;
  }

  private static String csv(
      ExperimentResult result, Variant variant, GeneralizationSummary summary) {
    Comparison comparison = result.comparison();
    DataSetSpec dataSet = comparison.getSpec().getDataSet();
    PairedDifference difference = comparison.getDifference();
    return String.join(
        ",",
        comparison.getExperiment(),
        quoted(dataSet.getName()),
        Integer.toUnsignedString(dataSet.getTrainSize()),
        Integer.toUnsignedString(dataSet.getAugmentation().getCropPadding()),
        String.valueOf(dataSet.getAugmentation().getHorizontalFlip()),
        number(dataSet.hasLabelNoise(), dataSet.getLabelNoise().getProbability()),
        Labels.word(variant, "VARIANT_"),
        Integer.toUnsignedString(summary.getRuns()),
        Integer.toUnsignedString(summary.getSeeds()),
        number(summary.hasMeanTestError(), summary.getMeanTestError()),
        number(summary.hasStdTestError(), summary.getStdTestError()),
        number(summary.hasMeanTrainLoss(), summary.getMeanTrainLoss()),
        number(summary.hasStdTrainLoss(), summary.getStdTrainLoss()),
        number(summary.hasMeanSeconds(), summary.getMeanSeconds()),
        Integer.toUnsignedString(summary.getCertified()),
        Integer.toUnsignedString(summary.getRefuted()),
        Integer.toUnsignedString(summary.getUndetermined()),
        number(summary.hasSigmaMinLowerBound(), summary.getSigmaMinLowerBound()),
        number(comparison.hasWallTimeRatio(), comparison.getWallTimeRatio()),
        Integer.toUnsignedString(difference.getPairs()),
        number(difference.hasMean(), difference.getMean()),
        number(difference.hasCi95Low(), difference.getCi95Low()),
        number(difference.hasCi95High(), difference.getCi95High()),
        number(true, comparison.getEquivalenceMargin()),
        comparison.hasEquivalent() ? String.valueOf(comparison.getEquivalent()) : "",
        Integer.toUnsignedString(summary.getWithoutTestError()),
        sources(result, variant),
        quoted(trainedBy(result, variant)));
  }

  private static String quoted(String text) {
    boolean plain = text.chars().noneMatch(each -> each == '"' || each == ',' || each < ' ');
    return plain ? text : '"' + text.replace("\"", "\"\"") + '"';
  }

  private static String number(boolean defined, double value) {
    return defined ? Double.toString(value) : "";
  }
}
