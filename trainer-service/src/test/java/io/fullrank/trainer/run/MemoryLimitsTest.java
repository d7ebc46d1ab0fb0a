package io.fullrank.trainer.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.fullrank.network.data.DataSet;
import io.fullrank.network.data.DataSets;
import io.fullrank.network.experiment.ExperimentFile;
import io.fullrank.proto.v1.ExperimentSpec;
import io.fullrank.proto.v1.Variant;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

class MemoryLimitsTest {

  private static final long GIBIBYTE = 1L << 30;
  private static final MemoryLimits LAPTOP =
      new MemoryLimits(2 * GIBIBYTE, 16 * GIBIBYTE, 256L << 20, true);

  @Test
  void takesWhatFits() {
    assertThat(refusal(LAPTOP, "network.widths=[4000, 1000]")).isEmpty();
  }

  @Test
  void refusesWhatTheHeapDoesNotHoldWithTheAmounts() {
    // 10,000 · 10,000 parameters and a little: 400 MB, six of them in checkpoints.
    assertThat(refusal(LAPTOP, "network.widths=[10000, 10000]", "snapshots.gradients=false"))
        .matches(
            "a run takes \\d+\\.\\d MiB of Java heap \\(checkpoint copies 23\\d\\d\\.\\d MiB, snapshot copies 14\\d\\d\\.\\d MiB, optimiser's state 39\\d\\.\\d MiB, data 0\\.\\d MiB\\),"
                + " the trainer has 1843\\.2 MiB for it; .*fullrank\\.trainer\\.queue-bytes");
  }

  @Test
  void refusesWhatDoesNotFitBesideTheHeapWithTheAmounts() {
    MemoryLimits small = new MemoryLimits(2 * GIBIBYTE, 5 * GIBIBYTE / 2, 1 << 20, false);

    assertThat(refusal(small, "network.widths=[5000, 5000]"))
        .matches(
            "a run takes \\d+\\.\\d MiB outside the Java heap \\(parameters and gradient 2\\d\\d\\.\\d MiB, activations.*\\),"
                + " the trainer has 212\\.0 MiB for it; .*");
  }

  @Test
  void countsFeaturesForThoseThatSwitchAlone() {
    MemoryLimits small = new MemoryLimits(GIBIBYTE, 8 * GIBIBYTE / 5, 1 << 20, false);
    ExperimentSpec wide =
        spec("network.widths=[4, 20000]", "dataset.train=5000", "algorithm.sgd.batch-size=20");

    assertThat(small.refusal(wide, Variant.VARIANT_BASE, data(wide))).isEmpty();
    assertThat(small.refusal(wide, Variant.VARIANT_TWO_PHASE, data(wide)))
        .get()
        .asString()
        .contains("(features of phase 2 770");
  }

  @Test
  void refusesASnapshotThatNoMessageHoldsWhateverTheMemory() {
    MemoryLimits large = new MemoryLimits(100 * GIBIBYTE, 1000 * GIBIBYTE, 1 << 20, true);

    assertThat(refusal(large, "network.widths=[20000, 20000]"))
        .startsWith("a snapshot of the network has 32")
        .endsWith(
            "at most 2146435071 can be published; make the network smaller or leave out snapshots.gradients");
    assertThat(refusal(large, "network.widths=[20000, 20000]", "snapshots.gradients=false"))
        .isEmpty();
  }

  private static String refusal(MemoryLimits limits, String... overrides) {
    ExperimentSpec spec = spec(overrides);
    return limits.refusal(spec, Variant.VARIANT_BASE, data(spec)).orElse("");
  }

  private static DataSet data(ExperimentSpec spec) {
    return DataSets.load(spec.getDataSet(), Path.of("src/test/resources"));
  }

  private static ExperimentSpec spec(String... overrides) {
    return ExperimentFile.read(Path.of("src/test/resources/small.yaml"), List.of(overrides));
  }
}
