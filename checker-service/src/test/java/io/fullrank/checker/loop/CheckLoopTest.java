package io.fullrank.checker.loop;

import static io.fullrank.checker.TestSnapshots.chunks;
import static io.fullrank.checker.TestSnapshots.id;
import static io.fullrank.checker.TestSnapshots.snapshot;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.fullrank.certificate.backend.openblas.OpenBlas;
import io.fullrank.checker.ClientSnapshots;
import io.fullrank.checker.GatedCheck;
import io.fullrank.checker.OnlyCheck;
import io.fullrank.checker.ScriptedCheck;
import io.fullrank.checker.TestSnapshots;
import io.fullrank.checker.Wire;
import io.fullrank.checker.check.CheckResources;
import io.fullrank.checker.check.SnapshotCheck;
import io.fullrank.checker.configuration.CheckLoopSettings;
import io.fullrank.checker.configuration.CheckPolicy;
import io.fullrank.checker.expressivity.ExpressivityCheck;
import io.fullrank.checker.prometheus.CheckerMetrics;
import io.fullrank.kafka.EmbeddedKafka;
import io.fullrank.messaging.DeadLetters;
import io.fullrank.messaging.KafkaLife;
import io.fullrank.network.experiment.ChosenChecks;
import io.fullrank.proto.Topic;
import io.fullrank.proto.v1.CheckRecord;
import io.fullrank.proto.v1.DataType;
import io.fullrank.proto.v1.FeatureSource;
import io.fullrank.proto.v1.Measure;
import io.fullrank.proto.v1.Snapshot;
import io.fullrank.proto.v1.SnapshotChunk;
import io.fullrank.proto.v1.Verdict;
import io.fullrank.testsupport.Waiting;
import io.fullrank.testsupport.kafka.BrokerExtension;
import io.fullrank.testsupport.kafka.MortalBroker;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutionException;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@ExtendWith(BrokerExtension.class)
class CheckLoopTest {

  private static final Duration LIMIT = Waiting.LIMIT;

  private final MeterRegistry registry = new SimpleMeterRegistry();
  private final CheckerMetrics metrics = new CheckerMetrics(registry, "test");
  private final String run = "run-" + UUID.randomUUID();
  private final List<CheckLoop> loops = new ArrayList<>();
  private Wire wire;

  @BeforeEach
  void begin(EmbeddedKafka kafka) throws InterruptedException, ExecutionException {
    wire = new Wire(kafka.bootstrapServers());
  }

  @AfterEach
  void end() throws InterruptedException {
    for (CheckLoop loop : loops) {
      loop.stop();
    }
    wire.close();
  }

  @Test
  void everyChecksAllSnapshotsInOrderAndCommitsWithTheirVerdicts() throws Exception {
    start(wire.settings(CheckPolicy.EVERY), GatedCheck.open());

    for (int step = 1; step <= 5; step++) {
      wire.publish(snapshot(id(run, step)), 3);
    }

    await()
        .atMost(LIMIT)
        .untilAsserted(
            () ->
                assertThat(wire.summaries())
                    .containsExactly(
                        run + " 1 CERTIFIED",
                        run + " 2 CERTIFIED",
                        run + " 3 CERTIFIED",
                        run + " 4 CERTIFIED",
                        run + " 5 CERTIFIED"));
    wire.assertAllCommitted();
    assertThat(
            registry.get("fullrank.checker.checks").tag("outcome", "certified").counter().count())
        .isEqualTo(5);
  }

  @Test
  void latestSkipsWhatIsSupersededButNeverAWitness() throws Exception {
    GatedCheck check = GatedCheck.closed();
    start(wire.settings(CheckPolicy.LATEST), check);
    wire.publish(snapshot(id(run, 1)), 2);
    await().atMost(LIMIT).until(() -> check.begun().size() == 1);

    wire.publish(snapshot(id(run, 2)), 2);
    wire.publish(snapshot(id(run, 3), true, 16), 2);
    wire.publish(snapshot(id(run, 4)), 2);
    wire.publish(snapshot(id(run, 5)), 2);
    await()
        .atMost(LIMIT)
        .untilAsserted(
            () ->
                assertThat(wire.summaries())
                    .containsExactly(run + " 2 SUPERSEDED", run + " 4 SUPERSEDED"));
    check.allow(3);

    await().atMost(LIMIT).until(() -> wire.records().size() == 5);
    assertThat(wire.summaries().subList(2, 5))
        .containsExactly(run + " 1 CERTIFIED", run + " 3 CERTIFIED", run + " 5 CERTIFIED");
    wire.assertAllCommitted();
    assertThat(
            registry.get("fullrank.checker.skipped").tag("reason", "superseded").counter().count())
        .isEqualTo(2);
  }

  @Test
  void setsUnreadableRecordsAsideWithTheirOriginAndGoesOn() throws Exception {
    start(wire.settings(CheckPolicy.EVERY), GatedCheck.open());
    List<SnapshotChunk> damaged = chunks(snapshot(id(run, 1)), 3);

    wire.publish(run, "no chunk at all".getBytes(StandardCharsets.UTF_8));
    wire.publish(run, null);
    wire.publish(damaged.get(0));
    wire.publish(damaged.get(2));
    wire.publish(
        damaged.get(0).toBuilder().setStep(2).setCount(Integer.MIN_VALUE).setIndex(-1).build());
    wire.publish(damaged.get(0).toBuilder().setStep(3).setTotalBytes(-1).build());
    wire.publish(snapshot(id(run, 4)), 3);

    await()
        .atMost(LIMIT)
        .untilAsserted(
            () ->
                assertThat(wire.summaries())
                    .containsExactly(
                        run + " 1 UNREADABLE",
                        run + " 2 UNREADABLE",
                        run + " 3 UNREADABLE",
                        run + " 4 CERTIFIED"));
    List<ConsumerRecord<String, byte[]>> letters = wire.deadLetters();
    assertThat(letters).hasSize(5).allMatch(letter -> run.equals(letter.key()));
    assertThat(letters.get(0).value()).asString().isEqualTo("no chunk at all");
    assertThat(header(letters.get(0), DeadLetters.REASON)).contains("no snapshot chunk");
    assertThat(header(letters.get(0), DeadLetters.SOURCE_TOPIC)).isEqualTo(Topic.SNAPSHOTS.name());
    long first = Long.parseLong(header(letters.get(0), DeadLetters.SOURCE_OFFSET));
    assertThat(letters)
        .extracting(letter -> Long.parseLong(header(letter, DeadLetters.SOURCE_OFFSET)) - first)
        .containsExactly(0L, 1L, 3L, 4L, 5L);
    assertThat(letters)
        .extracting(letter -> header(letter, DeadLetters.SOURCE_PARTITION))
        .containsOnly(header(letters.get(0), DeadLetters.SOURCE_PARTITION));
    wire.assertAllCommitted();
    assertThat(registry.get("fullrank.checker.dead.letters").counter().count()).isEqualTo(5);
  }

  @Test
  void readsNoMoreThanMemoryAllowsWhileACheckRuns() throws Exception {
    GatedCheck check = GatedCheck.closed();
    start(wire.settings(CheckPolicy.EVERY, 20 << 20), check);
    int megabytes = 1 << 18;
    for (int step = 1; step <= 60; step++) {
      wire.publish(snapshot(id(run, step), false, megabytes), 1);
    }

    // Batches of 16 MB: it stops after the second and leaves the rest to the broker.
    await().atMost(LIMIT).until(() -> gauge("fullrank.checker.held") > 20 << 20);
    await().atMost(LIMIT).until(() -> gauge("fullrank.checker.lag") > 0);
    assertThat(gauge("fullrank.checker.held")).isLessThan(40 << 20);
    assertThat(gauge("fullrank.checker.pending.snapshots")).isLessThan(40);
    check.allow(60);

    await().atMost(LIMIT).until(() -> wire.records().size() == 60);
    wire.assertAllCommitted();
    assertThat(gauge("fullrank.checker.held")).isZero();
  }

  @Test
  void givesUpOneOfTwoSnapshotsThatDoNotFitTogether() throws Exception {
    String other = "other-" + UUID.randomUUID();
    start(wire.settings(CheckPolicy.EVERY, 16 << 20), GatedCheck.open());
    // Weights and gradients of 5 MB each: one fits, two do not.
    int elements = 5 << 18;
    List<SnapshotChunk> first = chunks(snapshot(id(run, 1), false, elements), 20);
    List<SnapshotChunk> second = chunks(snapshot(id(other, 1), false, elements), 20);
    // Neither is complete when memory is full, in whatever order they are read.
    for (int i = 0; i < 18; i++) {
      wire.publish(first.get(i));
      wire.publish(second.get(i));
    }
    await().atMost(LIMIT).until(() -> wire.records().size() == 1);
    for (int i = 18; i < 20; i++) {
      wire.publish(first.get(i));
      wire.publish(second.get(i));
    }

    await().atMost(LIMIT).until(() -> wire.records().size() == 2);
    assertThat(wire.summaries())
        .satisfiesOnlyOnce(summary -> assertThat(summary).endsWith("UNREADABLE"))
        .satisfiesOnlyOnce(summary -> assertThat(summary).endsWith("CERTIFIED"));
  }

  /**
   * After lost acknowledgements a server sends snapshots again, in part or as a whole, with other
   * bytes since its name and the time stand in them.
   */
  @ParameterizedTest
  @EnumSource(CheckPolicy.class)
  void featuresOfAnExternalRunThatAreSentAgainGetOneVerdict(CheckPolicy policy) throws Exception {
    ExpressivityCheck check =
        new ExpressivityCheck(new CheckResources(new OpenBlas(1), 1, 1 << 20, 0.5, true));
    Snapshot first = ClientSnapshots.snapshot(run, DataType.DATA_TYPE_BFLOAT16, 40, 50);
    Snapshot witness = first.toBuilder().setStep(2).setWitness(true).build();
    List<SnapshotChunk> lost = chunks(first, 4);
    start(wire.settings(policy), check);

    wire.publish(lost.get(0));
    wire.publish(lost.get(1));
    wire.publish(elsewhere(first), 3);
    wire.publish(lost.get(2));
    wire.publish(lost.get(3));
    await().atMost(LIMIT).until(() -> wire.records().size() == 1);
    loops.remove(0).stop();
    wire.publish(elsewhere(first), 3);
    wire.publish(witness, 4);
    wire.publish(elsewhere(witness), 3);
    start(wire.settings(policy), check);
    wire.publish(first, 3);
    wire.publish(witness, 2);
    wire.publish(first.toBuilder().setStep(3).clearFeatures().build(), 1);

    await().atMost(LIMIT).until(() -> wire.records().size() >= 3);
    wire.assertAllCommitted();
    assertThat(wire.summaries())
        .containsExactlyInAnyOrder(
            run + " 1 CERTIFIED", run + " 2 CERTIFIED", run + " 3 NO_FEATURES");
    assertThat(wire.records())
        .filteredOn(CheckRecord::hasVerdict)
        .extracting(CheckRecord::getVerdict)
        .allMatch(verdict -> verdict.getFeaturesSha256().equals(first.getFeaturesSha256()))
        .allMatch(verdict -> verdict.getWitness() == (verdict.getStep() == 2))
        .extracting(Verdict::getFeatureSource)
        .containsOnly(FeatureSource.FEATURE_SOURCE_CLIENT);
    assertThat(wire.deadLetters()).isEmpty();
  }

  private static Snapshot elsewhere(Snapshot snapshot) {
    Snapshot.Builder elsewhere = snapshot.toBuilder();
    elsewhere.getHeaderBuilder().setTrainer("another server");
    return elsewhere.build();
  }

  @Test
  void aFailingCheckIsAnUndeterminedVerdict() throws Exception {
    start(
        wire.settings(CheckPolicy.EVERY),
        ScriptedCheck.of(
            ChosenChecks.EXPRESSIVITY,
            snapshot -> {
              throw new IllegalStateException("the disk is on fire");
            }));

    wire.publish(snapshot(id(run, 1)), 1);

    await().atMost(LIMIT).until(() -> wire.records().size() == 1);
    assertThat(wire.records().get(0).getVerdict().getCertificate().getReason())
        .contains("the disk is on fire");
    assertThat(wire.summaries()).containsExactly(run + " 1 UNDETERMINED");
  }

  @Test
  void allVerdictsOnASnapshotArePublishedTogether() throws Exception {
    start(
        wire.settings(CheckPolicy.EVERY),
        GatedCheck.open(),
        ScriptedCheck.of(
            "failing",
            snapshot -> {
              throw new IllegalStateException("the disk is on fire");
            }),
        ScriptedCheck.of(
            "measuring",
            snapshot -> Verdict.newBuilder().addMeasures(Measure.newBuilder().setName("m"))));

    wire.publish(
        TestSnapshots.judgedBy(
            snapshot(id(run, 1)), ChosenChecks.EXPRESSIVITY, "failing", "measuring"),
        1);

    await().atMost(LIMIT).until(() -> !wire.records().isEmpty());
    assertThat(wire.records())
        .extracting(CheckRecord::getVerdict)
        .extracting(Verdict::getCheck)
        .containsExactly(ChosenChecks.EXPRESSIVITY, "failing", "measuring");
    wire.assertAllCommitted();
    assertThat(registry.get("fullrank.checker.checks").tag("outcome", "measured").counter().count())
        .isEqualTo(1);
  }

  @Test
  void aCheckerThatTakesTheSamePlaceFencesTheOneBefore() throws Exception {
    GatedCheck slow = GatedCheck.closed();
    start(wire.settings(CheckPolicy.EVERY), slow);
    wire.publish(snapshot(id(run, 1)), 1);
    await().atMost(LIMIT).until(() -> slow.begun().size() == 1);

    // The same instance again, as after a pause so long that it was replaced.
    CheckLoop zombie = loops.remove(0);
    start(wire.settings(CheckPolicy.EVERY), GatedCheck.open());
    await().atMost(LIMIT).until(() -> wire.records().size() == 1);
    zombie.stop();
    slow.allow(1);

    loops.remove(0).stop();
    assertThat(wire.summaries()).containsExactly(run + " 1 CERTIFIED");
    wire.assertAllCommitted();
  }

  @Test
  void aTransactionThatTheBrokerEndedIsNoErrorAndIsDoneAgain() throws Exception {
    List<String> told = new CopyOnWriteArrayList<>();
    Logger logger = Logger.getLogger(KafkaLife.class.getName());
    Handler log = listener(told);
    logger.addHandler(log);
    try {
      CheckLoopSettings settings = wire.settings(CheckPolicy.EVERY);
      GatedCheck slow = GatedCheck.closed();
      start(settings, slow);
      wire.publish(snapshot(id(run, 1)), 1);
      await().atMost(LIMIT).until(() -> slow.begun().size() == 1);

      // As the coordinator does when a transaction takes too long, it gives the id to another
      // epoch.
      try (KafkaProducer<String, byte[]> other =
          wire.connection()
              .producer("other", Map.of(ProducerConfig.TRANSACTIONAL_ID_CONFIG, settings.name()))) {
        other.initTransactions();
      }
      slow.allow(2);

      await().atMost(LIMIT).until(() -> wire.records().size() == 1);
      loops.remove(0).stop();
      assertThat(wire.summaries()).containsExactly(run + " 1 CERTIFIED");
      wire.assertAllCommitted();
      assertThat(told)
          .singleElement()
          .asString()
          .startsWith("WARN")
          .contains("took longer than the broker waits, or another checker has that name");
    } finally {
      logger.removeHandler(log);
    }
  }

  private static Handler listener(List<String> told) {
    return new Handler() {
      @Override
      public void publish(LogRecord line) {
        if (line.getLevel().intValue() >= Level.WARNING.intValue()) {
          told.add(line.getLevel() + " " + line.getMessage());
        }
      }

      @Override
      public void flush() {}

      @Override
      public void close() {}
    };
  }

  @Test
  void checkersThatComeAndGoShareTheWorkWithoutRepeatingIt() throws Exception {
    List<String> expected = new ArrayList<>();
    CheckLoopSettings settings = wire.settings(CheckPolicy.EVERY);
    start(settings, GatedCheck.open());
    for (int step = 1; step <= 30; step++) {
      for (int i = 0; i < 6; i++) {
        wire.publish(snapshot(id(run + i, step)), 2);
        expected.add("%s%d %d CERTIFIED".formatted(run, i, step));
      }
      if (step == 10) {
        start(
            new CheckLoopSettings(
                settings.name() + "-2",
                settings.group(),
                settings.policy(),
                settings.memoryBytes(),
                settings.maxSnapshotBytes()),
            GatedCheck.open());
      }
      if (step == 20) {
        loops.remove(0).stop();
      }
    }

    await().atMost(LIMIT).until(() -> wire.records().size() >= expected.size());
    loops.remove(0).stop();
    assertThat(wire.summaries()).containsExactlyInAnyOrderElementsOf(expected);
    wire.assertAllCommitted();
  }

  @Test
  void publishesTheRunningCheckWhenItStops() throws Exception {
    GatedCheck check = GatedCheck.closed();
    start(wire.settings(CheckPolicy.EVERY), check);
    wire.publish(snapshot(id(run, 1)), 1);
    wire.publish(snapshot(id(run, 2)), 1);
    await().atMost(LIMIT).until(() -> check.begun().size() == 1);

    CheckLoop first = loops.get(0);
    await().atMost(LIMIT).until(first::hasJoined);
    Thread stopping = new Thread(this::closeFirst);
    stopping.start();
    // A loop that is not stopping yet begins the next check.
    await().atMost(LIMIT).until(() -> !first.hasJoined());
    check.allow(1);
    stopping.join();

    assertThat(wire.summaries()).containsExactly(run + " 1 CERTIFIED");
    assertThat(check.begun()).containsExactly(id(run, 1));
    start(wire.settings(CheckPolicy.EVERY), GatedCheck.open());
    await()
        .atMost(LIMIT)
        .untilAsserted(
            () ->
                assertThat(wire.summaries())
                    .containsExactly(run + " 1 CERTIFIED", run + " 2 CERTIFIED"));
  }

  @Test
  @SuppressWarnings("try") // Closing a broker may be interrupted, as may any test.
  void outlivesTheBroker(@TempDir Path folder) throws Exception {
    CheckLoop loop;
    GatedCheck check = GatedCheck.closed();
    try (MortalBroker kafka = MortalBroker.start(folder)) {
      try (Wire own = new Wire(kafka.bootstrapServers())) {
        loop =
            new CheckLoop(
                own.settings(CheckPolicy.EVERY),
                own.connection(),
                OnlyCheck.judge(folder, check),
                metrics);
        loop.start();
        loops.add(loop);
        own.publish(snapshot(id(run, 1)), 1);
        await().atMost(LIMIT).until(() -> check.begun().size() == 1);
      }
      kafka.kill();
      check.allow(2);

      kafka.startAgain();
      await()
          .atMost(LIMIT)
          .until(() -> Wire.allVerdicts(kafka.bootstrapServers()).contains(id(run, 1)));
      assertThat(loop.isAlive()).isTrue();
      loop.stop();
      // Whether the check was repeated or its verdict published late, it is there once.
      assertThat(Wire.allVerdicts(kafka.bootstrapServers())).containsExactly(id(run, 1));
    }
  }

  private void start(CheckLoopSettings settings, SnapshotCheck... checks) {
    CheckLoop loop =
        new CheckLoop(
            settings, wire.connection(), OnlyCheck.judge(Path.of("none"), checks), metrics);
    loops.add(loop);
    loop.start();
  }

  private void closeFirst() {
    try {
      loops.remove(0).stop();
    } catch (InterruptedException interrupted) {
      throw new IllegalStateException(interrupted);
    }
  }

  private double gauge(String name) {
    return registry.get(name).gauge().value();
  }

  private static String header(ConsumerRecord<String, byte[]> record, String name) {
    return new String(record.headers().lastHeader(name).value(), StandardCharsets.UTF_8);
  }
}
