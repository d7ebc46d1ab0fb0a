package io.fullrank.metrics;

import static org.assertj.core.api.Assertions.assertThat;

import io.fullrank.proto.v1.Variant;
import io.prometheus.client.Collector.MetricFamilySamples;
import io.prometheus.client.Collector.MetricFamilySamples.Sample;
import java.util.List;
import org.junit.jupiter.api.Test;

class FullrankMetricsTest {

  private final RunStore store = InMemory.runStore();
  private final CatchUp catchUp = new CatchUp();
  private final FullrankMetrics metrics = new FullrankMetrics(store, catchUp, 2, "1.0");

  @Test
  void showsNothingButTheBuildUntilTheStateIsComplete() {
    run("a", 1);
    assertThat(metrics.collect())
        .extracting(family -> family.name)
        .containsExactly("fullrank_build_info");

    catchUp.complete();
    assertThat(metrics.collect()).extracting(family -> family.name).contains("fullrank_run_step");
  }

  @Test
  void givesSeriesToTheFirstRunsAndCountsTheOthers() {
    run("c", 3);
    run("a", 1);
    run("b", 2);
    catchUp.complete();

    assertThat(samples("fullrank_run_step"))
        .extracting(sample -> sample.labelValues.get(0))
        .containsExactly("a", "b");
    assertThat(samples("fullrank_active_runs_over_limit"))
        .extracting(sample -> sample.value)
        .containsExactly(1.0);
  }

  @Test
  void leavesOutWhatARunHasNotReported() {
    InMemory.apply(
        store, new RunRecord.Requested(Records.request("a", "e", Variant.VARIANT_TWO_PHASE, -1)));
    InMemory.apply(store, new RunRecord.Reported(Records.started("a", 1)));
    catchUp.complete();

    assertThat(samples("fullrank_run_train_loss")).isEmpty();
    assertThat(samples("fullrank_run_certificate_outcome")).isEmpty();
    assertThat(samples("fullrank_run_snapshots_published"))
        .extracting(sample -> sample.labelValues)
        .containsExactly(List.of("a", "e", "two-phase", "18446744073709551615"));
  }

  private void run(String name, long seed) {
    InMemory.apply(
        store, new RunRecord.Requested(Records.request(name, "e", Variant.VARIANT_BASE, seed)));
    InMemory.apply(store, new RunRecord.Reported(Records.progress(name, 1, 10, 0, 0)));
  }

  private List<Sample> samples(String name) {
    MetricFamilySamples family =
        metrics.collect().stream()
            .filter(candidate -> candidate.name.equals(name))
            .findFirst()
            .orElseThrow();
    return family.samples;
  }
}
