package io.fullrank.checker.judgement;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.fullrank.checker.OnlyCheck;
import io.fullrank.checker.PluginJar;
import io.fullrank.checker.StrokesSnapshots;
import io.fullrank.checker.TestSnapshots;
import io.fullrank.checker.Wire;
import io.fullrank.checker.check.SnapshotCheck;
import io.fullrank.checker.configuration.CheckPolicy;
import io.fullrank.checker.loop.CheckLoop;
import io.fullrank.checker.prometheus.CheckerMetrics;
import io.fullrank.kafka.EmbeddedKafka;
import io.fullrank.proto.v1.CheckRecord;
import io.fullrank.proto.v1.Measure;
import io.fullrank.proto.v1.Snapshot;
import io.fullrank.proto.v1.Verdict;
import io.fullrank.testsupport.Waiting;
import io.fullrank.testsupport.kafka.BrokerExtension;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

@ExtendWith(BrokerExtension.class)
class InstalledChecksTest {

  private static final String EXAMPLE = "com.example.sparsity";

  @TempDir Path folder;

  @Test
  void aCheckerPublishesWhatTheCheckInAJarFinds(EmbeddedKafka kafka) throws Exception {
    PluginJar.ofExample().write(folder.resolve("sparsity.jar"));
    Snapshot.Builder snapshot =
        TestSnapshots.judgedBy(StrokesSnapshots.snapshot("plugin", 40), EXAMPLE).toBuilder();
    snapshot
        .getHeaderBuilder()
        .getSpecBuilder()
        .getChecksBuilder()
        .getNamedBuilder(0)
        .putParameters("threshold", "0");
    SnapshotJudge judge = OnlyCheck.judge(folder, installed().toArray(new SnapshotCheck[0]));
    try (Wire wire = new Wire(kafka.bootstrapServers())) {
      CheckLoop loop =
          new CheckLoop(
              wire.settings(CheckPolicy.EVERY),
              wire.connection(),
              judge,
              new CheckerMetrics(new SimpleMeterRegistry(), "test"));
      loop.start();
      try {
        wire.publish(snapshot.build(), 2);
        await().atMost(Waiting.LIMIT).until(() -> !wire.records().isEmpty());
        assertThat(wire.records())
            .extracting(CheckRecord::getVerdict)
            .singleElement()
            .satisfies(InstalledChecksTest::assertThatBiasesAreZero);
      } finally {
        loop.stop();
      }
    }
  }

  /** As all biases are before the first step. */
  private static void assertThatBiasesAreZero(Verdict verdict) {
    assertThat(verdict.getCheck()).isEqualTo(EXAMPLE);
    assertThat(verdict.getMeasuresList())
        .isNotEmpty()
        .allMatch(measure -> measure.getValue() == (measure.getLayer().endsWith(".bias") ? 1 : 0));
    assertThat(verdict.getMeasuresList())
        .extracting(Measure::getLayer)
        .contains("hidden.1.weight", "hidden.1.bias");
  }

  @Test
  void thereAreNoOthersWithoutJars() {
    assertThat(InstalledChecks.of(OnlyCheck.RESOURCES, Optional.empty()))
        .extracting(SnapshotCheck::name)
        .contains("expressivity")
        .allMatch(name -> !name.contains("."));
    assertThat(installed())
        .hasSameSizeAs(InstalledChecks.of(OnlyCheck.RESOURCES, Optional.empty()));
  }

  @Test
  void refusesASecondCheckOfTheSameName() throws Exception {
    PluginJar.ofExample().write(folder.resolve("one.jar"));
    PluginJar.ofExample().renamed("Sparsity", "Density").write(folder.resolve("other.jar"));

    assertRefused("has the name 'com.example.sparsity', which com.example.", "has already");
  }

  @Test
  void refusesTheNameOfOneOfFullranks() throws Exception {
    PluginJar.ofExample().renamed(EXAMPLE + "\"", "expressivity\"").write(folder.resolve("a.jar"));

    assertRefused(
        "com.example.sparsity.SparsityCheck has the name 'expressivity', which"
            + " io.fullrank.checker.expressivity.ExpressivityCheck has already");
  }

  @Test
  void refusesANameWithoutADot() throws Exception {
    PluginJar.ofExample().renamed(EXAMPLE + "\"", "sparsity\"").write(folder.resolve("a.jar"));

    assertRefused("has the name 'sparsity'", "with dots between them");
  }

  @Test
  void refusesWhatItCannotRead() throws Exception {
    Files.writeString(folder.resolve("broken.jar"), "no jar at all");

    assertRefused("cannot be read", "broken.jar");
    assertThatThrownBy(
            () -> InstalledChecks.of(OnlyCheck.RESOURCES, Optional.of(folder.resolve("missing"))))
        .hasMessageMatching("fullrank.checker.plugins: '.*missing' is no folder");
  }

  @Test
  void refusesACheckThatCannotBeMade() throws Exception {
    PluginJar.ofExample()
        .renamed("return new SparsityCheck();", "throw new IllegalStateException(\"a\\nb\");")
        .write(folder.resolve("a.jar"));

    assertRefused("a check cannot be made: java.lang.IllegalStateException: a");
  }

  private void assertRefused(String... texts) {
    assertThatThrownBy(this::installed)
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("fullrank.checker.plugins: ")
        .hasMessageContainingAll(texts)
        .message()
        .doesNotContain("\n");
  }

  private List<SnapshotCheck> installed() {
    return InstalledChecks.of(OnlyCheck.RESOURCES, Optional.of(folder));
  }
}
