package io.fullrank.checker.verdict;

import com.google.protobuf.DiscardUnknownFieldsParser;
import com.google.protobuf.InvalidProtocolBufferException;
import io.fullrank.proto.v1.Certificate;
import io.fullrank.proto.v1.Histogram;
import io.fullrank.proto.v1.Measure;
import io.fullrank.proto.v1.Verdict;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/**
 * What a check found, cut down to what a record holds and readers can take: findings quote names
 * that come with the snapshot, and a check from outside Fullrank may return anything.
 */
final class Findings {

  /** Measures of a verdict at most. */
  static final int MAX_MEASURES = 2000;

  /** Histograms of a verdict at most, and the bins of each. */
  static final int MAX_HISTOGRAMS = 100;

  static final int MAX_BINS = 256;

  /** What all that is found takes at most: half of what the metrics service keeps of a record. */
  static final int MAX_BYTES = 128 << 10;

  private static final int MAX_REASON_CHARACTERS = 1000;
  private static final int MAX_SHORT_CHARACTERS = 100;
  private static final int MAX_LAYERS = 1000;
  private static final int MAX_ITEMS = 1000;
  private static final int SHA256_BYTES = 32;
  private static final Pattern NAME = Pattern.compile("[a-z0-9][a-z0-9.-]{0,63}");

  private final List<String> leftOut = new ArrayList<>();

  private Findings() {}

  /**
   * Returns the findings of a verdict alone: what is too long or malformed is left out, and the
   * certificate's reason says so.
   */
  static Verdict bounded(Verdict found) {
    return new Findings().bound(found);
  }

  private Verdict bound(Verdict given) {
    Verdict found = withoutUnknownFields(given);
    Verdict.Builder kept = Verdict.newBuilder();
    if (found.hasCertificate()) {
      kept.setCertificate(bound(found.getCertificate()));
    }
    if (found.getFeaturesSha256().size() == SHA256_BYTES) {
      kept.setFeaturesSha256(found.getFeaturesSha256());
    }
    if (found.hasCarriedFromStep()) {
      kept.setCarriedFromStep(found.getCarriedFromStep());
    }
    if (found.hasSpectrum()) {
      kept.setSpectrum(found.getSpectrum());
    }
    if (found.hasExamples()) {
      kept.setExamples(found.getExamples());
    }
    kept.setStatement(found.getStatement());
    kept.addAllMeasures(
        selected(
            found.getMeasuresList().stream().filter(Findings::isWellFormed).toList(),
            found.getMeasuresCount(),
            MAX_MEASURES,
            "measures"));
    kept.addAllHistograms(
        selected(
            found.getHistogramsList().stream().filter(Findings::isWellFormed).toList(),
            found.getHistogramsCount(),
            MAX_HISTOGRAMS,
            "histograms"));
    kept.addAllLayers(
        selected(
            found.getLayersList().stream().filter(Findings::isShort).toList(),
            found.getLayersCount(),
            MAX_LAYERS,
            "names of layers"));
    if (kept.build().getSerializedSize() > MAX_BYTES) {
      leftOut.add("all measures, histograms and names of layers, which are too long together");
      kept.clearMeasures().clearHistograms().clearLayers().clearSpectrum();
    }
    if (!leftOut.isEmpty()) {
      Certificate certificate = kept.getCertificate();
      kept.setCertificate(
          certificate.toBuilder()
              .setReason(
                  "%s%sleft out: %s"
                      .formatted(
                          certificate.getReason(),
                          certificate.getReason().isEmpty() ? "" : "; ",
                          String.join(", ", leftOut))));
    }
    return kept.build();
  }

  private <T> List<T> selected(List<T> wellFormed, int given, int most, String what) {
    List<T> selected = wellFormed.subList(0, Math.min(most, wellFormed.size()));
    if (selected.size() < given) {
      leftOut.add("%d of %d %s".formatted(given - selected.size(), given, what));
    }
    return selected;
  }

  private Certificate bound(Certificate certificate) {
    Certificate.Builder kept = certificate.toBuilder();
    kept.setReason(shortened(certificate.getReason(), MAX_REASON_CHARACTERS));
    kept.setBackend(shortened(certificate.getBackend(), MAX_SHORT_CHARACTERS));
    if (certificate.getPrimesCount() > MAX_ITEMS) {
      kept.clearPrimes().addAllPrimes(certificate.getPrimesList().subList(0, MAX_ITEMS));
    }
    kept.clearStages();
    certificate.getStagesList().stream()
        .filter(stage -> isShort(stage.getName()))
        .limit(MAX_SHORT_CHARACTERS)
        .forEach(kept::addStages);
    return kept.build();
  }

  private static boolean isWellFormed(Measure measure) {
    return NAME.matcher(measure.getName()).matches()
        && isShort(measure.getLayer())
        && isShort(measure.getUnit())
        && Double.isFinite(measure.getValue());
  }

  private static boolean isWellFormed(Histogram histogram) {
    return NAME.matcher(histogram.getName()).matches()
        && isShort(histogram.getLayer())
        && isShort(histogram.getUnit())
        && histogram.getCountsCount() >= 1
        && histogram.getCountsCount() <= MAX_BINS
        && histogram.getEdgesCount() == histogram.getCountsCount() + 1
        && histogram.getEdgesList().stream().allMatch(Double::isFinite);
  }

  private static boolean isShort(String text) {
    return text.length() <= MAX_SHORT_CHARACTERS;
  }

  private static String shortened(String text, int most) {
    return text.length() <= most ? text : text.substring(0, most) + "…";
  }

  private static Verdict withoutUnknownFields(Verdict found) {
    try {
      return DiscardUnknownFieldsParser.wrap(Verdict.parser()).parseFrom(found.toByteString());
    } catch (InvalidProtocolBufferException impossible) {
      throw new IllegalStateException(impossible);
    }
  }
}
