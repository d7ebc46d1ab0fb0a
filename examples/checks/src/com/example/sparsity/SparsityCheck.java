package com.example.sparsity;

import io.fullrank.checker.check.CheckFactory;
import io.fullrank.checker.check.CheckResources;
import io.fullrank.checker.check.NotCheckableException;
import io.fullrank.checker.check.SnapshotCheck;
import io.fullrank.checker.check.SnapshotUnderCheck;
import io.fullrank.proto.Tensors;
import io.fullrank.proto.WireFormatException;
import io.fullrank.proto.v1.Measure;
import io.fullrank.proto.v1.MeasureKind;
import io.fullrank.proto.v1.Tensor;
import io.fullrank.proto.v1.Verdict;
import java.util.Set;

/** Counts, in each tensor, the weights that are nearly zero. */
public final class SparsityCheck implements SnapshotCheck {

  private static final String NAME = "com.example.sparsity";
  private static final String DEFAULT_THRESHOLD = "1e-3";

  /** How a checker finds it; its name stands in META-INF/services. */
  public static final class Factory implements CheckFactory {
    @Override
    public SnapshotCheck create(CheckResources resources) {
      return new SparsityCheck();
    }
  }

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public Set<Need> needs() {
    return Set.of(Need.WEIGHTS);
  }

  @Override
  public Verdict.Builder check(SnapshotUnderCheck snapshot) throws NotCheckableException {
    double threshold = threshold(snapshot);
    Verdict.Builder found = Verdict.newBuilder();
    for (Tensor weights : snapshot.message().getWeightsList()) {
      found.addMeasures(
          Measure.newBuilder()
              .setName("small-weights")
              .setLayer(weights.getName())
              .setValue(small(weights, threshold))
              .setUnit("1")
              .setKind(MeasureKind.MEASURE_KIND_MEASURED));
    }
    return found;
  }

  private static double threshold(SnapshotUnderCheck snapshot) throws NotCheckableException {
    String written =
        snapshot.chosen(NAME).getParametersOrDefault("threshold", DEFAULT_THRESHOLD);
    try {
      return Double.parseDouble(written);
    } catch (NumberFormatException noNumber) {
      throw new NotCheckableException("threshold: expected a number, got " + written, noNumber);
    }
  }

  private static double small(Tensor weights, double threshold) throws NotCheckableException {
    float[] entries;
    try {
      entries = Tensors.toFloats(weights);
    } catch (WireFormatException damaged) {
      throw new NotCheckableException(damaged.getMessage(), damaged);
    }
    int small = 0;
    for (float entry : entries) {
      small += Math.abs(entry) <= threshold ? 1 : 0;
    }
    return (double) small / entries.length;
  }
}
