package io.fullrank.cli.report;

import io.fullrank.cli.terminal.TextTable;
import io.fullrank.proto.v1.Augmentation;
import io.fullrank.proto.v1.Comparison;
import io.fullrank.proto.v1.DataSetSpec;
import io.fullrank.proto.v1.GeneralizationSummary;
import io.fullrank.proto.v1.PairedDifference;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

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
          "difference in points (95% confidence)",
          "equivalent");

  private final List<Comparison> comparisons;

  public ComparisonTable(List<Comparison> comparisons) {
    this.comparisons = List.copyOf(comparisons);
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
    return cells.stream().collect(Collectors.joining(" | ", "| ", " |"));
  }

  private List<List<String>> rows() {
    List<List<String>> rows = new ArrayList<>();
    for (Comparison comparison : comparisons) {
      // Figures of the pair of variants stand in the row of the second variant.
      if (comparison.getBase().getRuns() > 0) {
        rows.add(row(comparison, "base", comparison.getBase(), "", "", ""));
      }
      if (comparison.getTwoPhase().getRuns() > 0) {
        boolean paired = comparison.getBase().getRuns() > 0;
        rows.add(
            row(
                comparison,
                "two-phase",
                comparison.getTwoPhase(),
                paired ? ComparisonCells.wallTimeRatio(comparison) : "",
                difference(comparison.getDifference()),
                paired ? ComparisonCells.equivalence(comparison) : ""));
      }
    }
    return rows;
  }

  private static List<String> row(
      Comparison comparison,
      String variant,
      GeneralizationSummary summary,
      String wallTimeRatio,
      String difference,
      String equivalence) {
    DataSetSpec dataSet = comparison.getSpec().getDataSet();
    return List.of(
        comparison.getExperiment(),
        dataSet(dataSet),
        augmentation(dataSet),
        variant,
        ComparisonCells.seeds(summary),
        ComparisonCells.testError(summary),
        ComparisonCells.trainLoss(summary),
        wallTimeRatio,
        ComparisonCells.certificates(summary),
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

  // --- CSV: names and numbers, none of which needs quotes.

  private List<String> csv() {
    List<String> lines = new ArrayList<>();
    lines.add(
        "experiment,data_set,train_size,crop_padding,horizontal_flip,label_noise,variant,runs,seeds,"
            + "mean_test_error,std_test_error,mean_train_loss,std_train_loss,mean_seconds,"
            + "certified,refuted,undetermined,sigma_min_lower_bound,"
            + "wall_time_ratio,pairs,mean_difference,ci95_low,ci95_high,equivalence_margin,equivalent");
    for (Comparison comparison : comparisons) {
      if (comparison.getBase().getRuns() > 0) {
        lines.add(csv(comparison, "base", comparison.getBase()));
      }
      if (comparison.getTwoPhase().getRuns() > 0) {
        lines.add(csv(comparison, "two-phase", comparison.getTwoPhase()));
      }
    }
    return lines;
  }

  private static String csv(Comparison comparison, String variant, GeneralizationSummary summary) {
    DataSetSpec dataSet = comparison.getSpec().getDataSet();
    PairedDifference difference = comparison.getDifference();
    return String.join(
        ",",
        comparison.getExperiment(),
        dataSet.getName(),
        Integer.toUnsignedString(dataSet.getTrainSize()),
        Integer.toUnsignedString(dataSet.getAugmentation().getCropPadding()),
        String.valueOf(dataSet.getAugmentation().getHorizontalFlip()),
        number(dataSet.hasLabelNoise(), dataSet.getLabelNoise().getProbability()),
        variant,
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
        comparison.hasEquivalent() ? String.valueOf(comparison.getEquivalent()) : "");
  }

  private static String number(boolean defined, double value) {
    return defined ? Double.toString(value) : "";
  }
}
