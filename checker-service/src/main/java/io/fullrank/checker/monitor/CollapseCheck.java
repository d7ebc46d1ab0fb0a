package io.fullrank.checker.monitor;

import io.fullrank.certificate.backend.DenseLinearAlgebra;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.checker.check.CheckFactory;
import io.fullrank.checker.check.CheckResources;
import io.fullrank.checker.check.NotCheckableException;
import io.fullrank.checker.check.SnapshotCheck;
import io.fullrank.checker.check.SnapshotUnderCheck;
import io.fullrank.network.data.sample.Samples;
import io.fullrank.network.monitor.Collapse;
import io.fullrank.network.monitor.Representation;
import io.fullrank.proto.v1.Verdict;
import java.math.BigDecimal;
import java.util.Set;

/**
 * Collapse of representations ({@link Collapse}): on a fixed sample of the training rows, ranks of
 * what each hidden layer makes, dormant units, and norms of the examples' gradients. Of a program
 * outside Fullrank the features it sent are looked at, under the name "features". All of it is
 * estimated.
 */
public final class CollapseCheck implements SnapshotCheck {

  private static final String FEATURES = "features";

  private final DenseLinearAlgebra algebra;

  CollapseCheck(CheckResources resources) {
    this.algebra = resources.algebra();
  }

  /** How checkers find it. */
  public static final class Factory implements CheckFactory {
    @Override
    public SnapshotCheck create(CheckResources resources) {
      return new CollapseCheck(resources);
    }
  }

  @Override
  public String name() {
    return "collapse";
  }

  @Override
  public Set<Need> needs() {
    return Set.of(Need.WEIGHTS, Need.FEATURES);
  }

  @Override
  public Verdict.Builder check(SnapshotUnderCheck snapshot) throws NotCheckableException {
    Measures measures = new Measures(Verdict.newBuilder());
    if (snapshot.isExternal()) {
      Matrix features = snapshot.features();
      try (Matrix sample = sample(features)) {
        measures.verdict().setExamples(sample.rows());
        add(measures, FEATURES, Representation.of(sample, (int) sample.columns(), algebra));
      }
      return measures.verdict();
    }
    Samples examples = Collapse.examples(snapshot.network(), snapshot.data().train());
    measures.verdict().setExamples(examples.rows());
    Collapse collapse =
        Collapse.of(
            snapshot.network(),
            snapshot.parameters(),
            examples,
            snapshot.message().getHeader().getSpec().getLoss(),
            algebra);
    collapse.representations().forEach((layer, found) -> add(measures, layer, found));
    collapse
        .gradientNorms()
        .forEach((layer, norms) -> measures.estimate("example-gradient-norm", layer, norms));
    return measures.verdict();
  }

  /** Some rows of the features, without the column of ones. */
  private static Matrix sample(Matrix features) {
    int count = Collapse.sampleSize(features.rows());
    double[] row = new double[Math.toIntExact(features.columns() - 1)];
    Matrix sample = Matrix.allocate(count, row.length);
    for (int i = 0; i < count; i++) {
      features.getRow((long) i * features.rows() / count, 0, row, 0, row.length);
      sample.setRow(i, 0, row, 0, row.length);
    }
    return sample;
  }

  private static void add(Measures measures, String layer, Representation found) {
    measures.estimate("effective-rank", layer, found.effectiveRank());
    measures.estimate("srank", layer, found.srank());
    measures.estimate("stable-rank", layer, found.stableRank());
    for (double threshold : Representation.THRESHOLDS) {
      measures.estimate(
          "dormant-fraction-" + BigDecimal.valueOf(threshold).stripTrailingZeros().toPlainString(),
          layer,
          found.dormant(threshold));
    }
  }
}
