package io.fullrank.trainer.run;

import static java.util.stream.Collectors.toSet;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.awaitility.Awaitility.await;

import com.google.protobuf.util.Timestamps;
import io.fullrank.kafka.EmbeddedKafka;
import io.fullrank.messaging.DeadLetters;
import io.fullrank.messaging.KafkaConnection;
import io.fullrank.messaging.TopicCreation;
import io.fullrank.network.experiment.ExperimentFile;
import io.fullrank.proto.Topic;
import io.fullrank.proto.v1.Certificate;
import io.fullrank.proto.v1.CheckRecord;
import io.fullrank.proto.v1.ExperimentSpec;
import io.fullrank.proto.v1.ExternalNetwork;
import io.fullrank.proto.v1.GuaranteeStatement;
import io.fullrank.proto.v1.Measure;
import io.fullrank.proto.v1.MeasureKind;
import io.fullrank.proto.v1.Outcome;
import io.fullrank.proto.v1.Phase;
import io.fullrank.proto.v1.RuleAction;
import io.fullrank.proto.v1.RuleCondition;
import io.fullrank.proto.v1.RuleEvent;
import io.fullrank.proto.v1.RunEvent;
import io.fullrank.proto.v1.RunHeader;
import io.fullrank.proto.v1.RunRequest;
import io.fullrank.proto.v1.RunResult;
import io.fullrank.proto.v1.RunState;
import io.fullrank.proto.v1.Snapshot;
import io.fullrank.proto.v1.Variant;
import io.fullrank.proto.v1.Verdict;
import io.fullrank.testsupport.Waiting;
import io.fullrank.testsupport.kafka.BrokerExtension;
import io.fullrank.testsupport.kafka.MortalBroker;
import io.fullrank.trainer.TopicReader;
import io.fullrank.trainer.WitnessCheck;
import io.fullrank.trainer.checkpoint.CheckpointFile;
import io.fullrank.trainer.checkpoint.CheckpointFolder;
import io.fullrank.trainer.configuration.TrainerSettings;
import io.fullrank.trainer.prometheus.TrainerMetrics;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.LongStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** The trainer against a real broker: what it publishes, and what it does when things go wrong. */
@ExtendWith(BrokerExtension.class)
class TrainerTest {

  private static final Duration LIMIT = Waiting.LIMIT;

  private static final String EVERY_STEP =
      "snapshots={every-steps: 1, weights: true, gradients: true}";

  @TempDir static Path folder;
  private static KafkaConnection connection;

  private final String run = "test-" + UUID.randomUUID();
  private final TrainerSettings settings = settings("trainer-" + run, 64L << 20);
  private KafkaProducer<String, byte[]> requests;
  private TopicReader published;
  private Trainer trainer;

  @BeforeAll
  static void createTopics(EmbeddedKafka kafka) throws Exception {
    connection = KafkaConnection.to(kafka.bootstrapServers());
    try (Admin admin = connection.admin("test")) {
      TopicCreation.ensure(admin, Topic.ALL);
      TopicCreation.ensure(admin, List.of(Topic.EXPERIMENTS.deadLetters()));
    }
  }

  @BeforeEach
  void open() {
    requests = connection.producer("test-requests", Map.of());
    published = new TopicReader(connection, run);
  }

  @AfterEach
  void close() throws Exception {
    if (trainer != null) {
      trainer.close();
    }
    published.close();
    requests.close();
  }

  @Test
  void publishesHeaderProgressEverySnapshotAndTheResult() throws Exception {
    submit(Variant.VARIANT_BASE, spec("epochs=3"));

    trainer = start(settings);

    RunResult result = published.awaitResult(LIMIT);
    assertThat(result.getState()).isEqualTo(RunState.RUN_STATE_FINISHED);
    assertThat(published.events().get(0).hasStarted()).isTrue();
    assertThat(published.events().stream().filter(RunEvent::hasProgress)).hasSizeGreaterThan(2);
    assertThat(result.getSnapshots().getDropped()).isZero();
    List<Snapshot> snapshots = published.awaitSnapshots((int) result.getSnapshots().getPublished());
    assertThat(snapshots)
        .extracting(Snapshot::getStep)
        .doesNotHaveDuplicates()
        .contains(result.getSteps());
    assertThat(snapshots)
        .allSatisfy(
            snapshot -> {
              assertThat(snapshot.getHeader()).isEqualTo(published.events().get(0).getStarted());
              assertThat(snapshot.getWeightsCount()).isEqualTo(8);
              assertThat(snapshot.getGradientsCount()).isEqualTo(8);
            });
  }

  @Test
  void leavesRunsOfProgramsOutsideToThem() throws Exception {
    String outside = run + "-outside";
    ExperimentSpec.Builder external = spec("epochs=1").toBuilder();
    external.getNetworkBuilder().setExternal(ExternalNetwork.newBuilder().setLastHiddenWidth(10));
    submit(outside, Variant.VARIANT_BASE, external.build());
    submit(Variant.VARIANT_BASE, spec("epochs=1"));

    trainer = start(settings);

    assertThat(published.awaitResult(LIMIT).getState()).isEqualTo(RunState.RUN_STATE_FINISHED);
    try (TopicReader ofOutside = new TopicReader(connection, outside)) {
      ofOutside.poll();
      assertThat(ofOutside.events()).isEmpty();
      assertThat(ofOutside.deadLetters()).isEmpty();
    }
  }

  @Test
  void entersPhaseTwoWithTheVerdictOnItsWitness() throws Exception {
    submit(Variant.VARIANT_TWO_PHASE, spec("epochs=4"));
    try (WitnessCheck checker = new WitnessCheck(connection, run)) {
      trainer = start(settings);

      RunResult result = published.awaitResult(LIMIT);

      assertThat(result.getState()).isEqualTo(RunState.RUN_STATE_FINISHED);
      assertThat(result.getGuarantee().getStatement())
          .as(result.getGuarantee().getReason())
          .isEqualTo(GuaranteeStatement.GUARANTEE_STATEMENT_LIMIT);
      // The gap is an upper bound: the loss as measured, and what rounding may have hidden.
      assertThat(result.getGuarantee().getOptimalityGap())
          .isGreaterThanOrEqualTo(result.getFinalTrainLoss())
          .isCloseTo(result.getFinalTrainLoss(), within(1e-5));
      long switchStep = published.events().get(0).getStarted().getSwitchStep();
      List<Snapshot> witnesses =
          published.awaitSnapshots((int) result.getSnapshots().getPublished()).stream()
              .filter(Snapshot::getWitness)
              .toList();
      assertThat(witnesses).extracting(Snapshot::getStep).containsExactly(switchStep);
      assertThat(checker.failure()).isEmpty();
    }
  }

  @Test
  void asksForANewCertificateWhereHiddenLayersHaveMoved() throws Exception {
    submit(
        Variant.VARIANT_TWO_PHASE,
        spec("epochs=10", "two-phase.hidden=rank-preserving", "two-phase.switch-fraction=0.3"));
    try (WitnessCheck checker = new WitnessCheck(connection, run)) {
      trainer = start(settings);

      RunResult result = published.awaitResult(LIMIT);

      assertThat(result.getState()).isEqualTo(RunState.RUN_STATE_FINISHED);
      List<Snapshot> snapshots =
          published.awaitSnapshots((int) result.getSnapshots().getPublished());
      assertThat(snapshots).extracting(Snapshot::getStep).doesNotHaveDuplicates();
      List<Snapshot> witnesses = snapshots.stream().filter(Snapshot::getWitness).toList();
      assertThat(witnesses).hasSizeGreaterThan(1);
      assertThat(result.getGuarantee().getText())
          .contains("on %d certificates".formatted(witnesses.size()))
          .doesNotContain("stay where they are");
      // Every snapshot of phase 2 says which features it was trained on; they moved.
      assertThat(
              snapshots.stream()
                  .filter(snapshot -> snapshot.getPhase() == Phase.PHASE_TWO)
                  .map(Snapshot::getFeaturesSha256)
                  .collect(toSet()))
          .hasSizeGreaterThan(witnesses.size() - 1);
      assertThat(checker.failure()).isEmpty();
    }
  }

  @Test
  void goesOnWithoutGuaranteeWhenNoVerdictComes() throws Exception {
    submit(Variant.VARIANT_TWO_PHASE, spec("epochs=4", "two-phase.verdict-timeout=1s"));

    trainer = start(settings);

    RunResult result = published.awaitResult(LIMIT);
    assertThat(result.getState()).isEqualTo(RunState.RUN_STATE_FINISHED);
    assertThat(result.getGuarantee().getStatement())
        .isEqualTo(GuaranteeStatement.GUARANTEE_STATEMENT_NONE);
    assertThat(result.getGuarantee().getReason()).contains("1.0 s");
  }

  @Test
  void dropsAndCountsSnapshotsWhileTheQueueIsFull() throws Exception {
    submit(Variant.VARIANT_BASE, spec("epochs=3", EVERY_STEP));

    // Room for no snapshot but the one that finds the queue empty.
    trainer = start(settings("trainer-" + run, 1));

    RunResult result = published.awaitResult(LIMIT);
    assertThat(result.getState()).isEqualTo(RunState.RUN_STATE_FINISHED);
    assertThat(result.getSnapshots().getPublished()).isEqualTo(result.getSteps());
    assertThat(result.getSnapshots().getDropped()).isPositive();
    long delivered = result.getSnapshots().getPublished() - result.getSnapshots().getDropped();
    assertThat(published.awaitSnapshots((int) delivered)).hasSize((int) delivered);
  }

  @Test
  void failsARunThatDoesNotFitAndGoesOn() throws Exception {
    String large = run + "-large";
    submit(large, Variant.VARIANT_BASE, spec("network.widths=[20000, 20000]"));
    submit(Variant.VARIANT_BASE, spec("epochs=1"));

    trainer = start(settings);

    try (TopicReader ofLarge = new TopicReader(connection, large)) {
      RunResult result = ofLarge.awaitResult(LIMIT);
      assertThat(result.getState()).isEqualTo(RunState.RUN_STATE_FAILED);
      assertThat(result.getReason()).startsWith("a snapshot of the network has ");
    }
    assertThat(published.awaitResult(LIMIT).getState()).isEqualTo(RunState.RUN_STATE_FINISHED);
  }

  @Test
  void failsARunThatKillsOneTrainerAfterTheOtherAndGoesOn() throws Exception {
    String deadly = run + "-deadly";
    ProducerRecord<String, byte[]> request =
        record(request(deadly, Variant.VARIANT_BASE, spec("epochs=1")));
    RecordMetadata accepted = requests.send(request).get();
    RecordMetadata next =
        requests
            .send(
                new ProducerRecord<>(
                    accepted.topic(),
                    accepted.partition(),
                    run,
                    request(run, Variant.VARIANT_BASE, spec("epochs=1")).toByteArray()))
            .get();
    assertThat(next.offset()).isGreaterThan(accepted.offset());
    // As a trainer leaves it that dies in the eighth attempt from the beginning.
    String group = groupThatLeft(accepted, accepted.offset() + ":7:0:1");

    trainer = start(settings("trainer-" + run, 64L << 20, group));

    try (TopicReader ofDeadly = new TopicReader(connection, deadly)) {
      RunResult result = ofDeadly.awaitResult(LIMIT);
      assertThat(result.getState()).isEqualTo(RunState.RUN_STATE_FAILED);
      assertThat(result.getReason())
          .startsWith("8 attempts one after the other ended with the trainer's process")
          .doesNotContain("\n");
    }
    assertThat(published.awaitResult(LIMIT).getState()).isEqualTo(RunState.RUN_STATE_FINISHED);
  }

  @Test
  void endsARunThatIsCancelledAfterItsTrainerDied() throws Exception {
    RunRequest request = request(run, Variant.VARIANT_BASE, spec("epochs=100000"));
    RecordMetadata accepted = requests.send(record(request)).get();
    String group = groupThatLeft(accepted, accepted.offset() + ":0:5:1:1000");
    send(request.toBuilder().setCancelled(true).build());

    trainer = start(settings("trainer-" + run, 64L << 20, group));

    // Readers know of the attempt that died, so that they wait for its end; what it told stays.
    RunResult result = published.awaitResult(LIMIT);
    assertThat(result.getState()).isEqualTo(RunState.RUN_STATE_CANCELLED);
    assertThat(published.events())
        .singleElement()
        .satisfies(event -> assertThat(event.getAttempt()).isEqualTo(1000));
  }

  @Test
  void cancelsRunningAndWaitingRuns() throws Exception {
    RunRequest running = submit(Variant.VARIANT_BASE, spec("epochs=100000"));
    SimpleMeterRegistry registry = new SimpleMeterRegistry();
    trainer =
        new Trainer(connection, settings, new TrainingData(folder), new TrainerMetrics(registry));
    trainer.start();
    published.awaitEvent(RunEvent::hasProgress, LIMIT);
    RunRequest waiting = submit(run + "-waiting", Variant.VARIANT_BASE, spec("epochs=1"));
    await()
        .atMost(LIMIT)
        .until(() -> registry.get("fullrank.trainer.runs.waiting").gauge().value() == 1);

    send(waiting.toBuilder().setCancelled(true).build());
    await()
        .atMost(LIMIT)
        .until(() -> registry.get("fullrank.trainer.runs.waiting").gauge().value() == 0);
    send(running.toBuilder().setCancelled(true).build());

    RunResult result = published.awaitResult(LIMIT);
    assertThat(result.getState()).isEqualTo(RunState.RUN_STATE_CANCELLED);
    assertThat(result.getSteps()).isPositive();
    RunRequest next = submit(run + "-next", Variant.VARIANT_BASE, spec("epochs=1"));
    try (TopicReader ofNext = new TopicReader(connection, next.getRun());
        TopicReader ofWaiting = new TopicReader(connection, waiting.getRun())) {
      ofNext.awaitResult(LIMIT);
      ofWaiting.poll();
      assertThat(ofWaiting.events()).isEmpty();
    }
  }

  @Test
  void anotherTrainerGoesOnWhereOneStopped() throws Exception {
    ExperimentSpec spec =
        spec("epochs=2000", "snapshots={every-epochs: 20, weights: true, gradients: true}");
    submit(Variant.VARIANT_BASE, spec);
    trainer = start(settings);
    published.awaitEvent(RunEvent::hasProgress, LIMIT);

    trainer.close();
    trainer = start(settings(settings.name() + "-second", 64L << 20, settings.group()));

    RunResult result = published.awaitResult(LIMIT);
    assertThat(result.getState()).isEqualTo(RunState.RUN_STATE_FINISHED);
    List<RunEvent> starts = published.events().stream().filter(RunEvent::hasStarted).toList();
    assertThat(starts)
        .extracting(RunEvent::getAttempt)
        .hasSize(2)
        .isSorted()
        .doesNotHaveDuplicates();
    assertThat(starts.get(0).getStarted().hasResumedFromStep()).isFalse();
    assertThat(starts.get(1).getStarted().getResumedFromStep()).isBetween(5L, 9999L);
    assertThat(starts.get(1).getStarted().getWarningsList()).isEmpty();
    // Both attempts together have told of every epoch and every snapshot, and of none twice.
    assertThat(published.events().stream().filter(RunEvent::hasProgress))
        .extracting(event -> event.getProgress().getStep())
        .containsExactlyElementsOf(
            LongStream.rangeClosed(1, 2000).mapToObj(epoch -> 5 * epoch).toList());
    List<Snapshot> snapshots = published.awaitSnapshots(100);
    assertThat(snapshots)
        .extracting(Snapshot::getStep)
        .containsExactlyElementsOf(
            LongStream.rangeClosed(1, 100).mapToObj(part -> 100 * part).toList());
    assertNoCheckpointsLeft(run);

    RunRequest undisturbed = submit(run + "-undisturbed", Variant.VARIANT_BASE, spec);
    try (TopicReader reader = new TopicReader(connection, undisturbed.getRun())) {
      RunResult expected = reader.awaitResult(LIMIT);
      assertThat(result.toBuilder().clearSeconds().build())
          .isEqualTo(expected.toBuilder().clearSeconds().build());
      Snapshot last = reader.awaitSnapshots(100).get(99);
      assertThat(snapshots.get(99).getWeightsList()).isEqualTo(last.getWeightsList());
      assertThat(snapshots.get(99).getGradientsList()).isEqualTo(last.getGradientsList());
    }
  }

  @Test
  void stopsAtTheSwitchWithoutWaitingForTheVerdictAndAsksForItAgain() throws Exception {
    submit(Variant.VARIANT_TWO_PHASE, spec("epochs=4", "two-phase.verdict-timeout=1h"));
    trainer = start(settings);
    published.awaitSnapshots(3);
    assertThat(published.awaitSnapshots(3)).last().matches(Snapshot::getWitness);

    trainer.close();
    try (WitnessCheck checker = new WitnessCheck(connection, run)) {
      trainer = start(settings(settings.name() + "-second", 64L << 20, settings.group()));

      RunResult result = published.awaitResult(LIMIT);
      assertThat(result.getGuarantee().getStatement())
          .as(result.getGuarantee().getReason())
          .isEqualTo(GuaranteeStatement.GUARANTEE_STATEMENT_LIMIT);
      assertThat(checker.failure()).isEmpty();
      // Steps 5, 10 and 15 or 20, and the witness: the first attempt's does not count.
      assertThat(result.getSnapshots().getPublished()).isEqualTo(5);
      List<RunEvent> starts = published.events().stream().filter(RunEvent::hasStarted).toList();
      assertThat(starts).hasSize(2);
      assertThat(starts.get(1).getStarted().getResumedFromStep())
          .isEqualTo(starts.get(1).getStarted().getSwitchStep());
      assertThat(published.events().stream().filter(RunEvent::hasGuarantee)).hasSize(1);
    }
  }

  @Test
  void goesOnFromTheCheckpointBeforeADamagedOneAndSaysSo() throws Exception {
    submit(Variant.VARIANT_BASE, spec("epochs=20000"));
    trainer = start(settings);
    await().atMost(LIMIT).until(() -> checkpointsOf(run).size() == 2);
    trainer.close();
    List<CheckpointFile> files = checkpointsOf(run);
    byte[] damaged = Files.readAllBytes(files.get(0).path());
    damaged[damaged.length / 2] ^= 1;
    Files.write(files.get(0).path(), damaged);

    trainer = start(settings(settings.name() + "-second", 64L << 20, settings.group()));

    published.awaitEvent(event -> event.getStarted().hasResumedFromStep(), LIMIT);
    RunHeader header = lastHeader();
    assertThat(header.getResumedFromStep()).isEqualTo(files.get(1).step());
    assertThat(header.getWarningsList())
        .singleElement()
        .asString()
        .contains(files.get(0).path().getFileName().toString(), "damaged")
        .doesNotContain("\n");
    cancelAndAwaitNoCheckpoints();
  }

  @Test
  void startsAnewWhenTheVersionsAreOthersAndSaysSo() throws Exception {
    submit(Variant.VARIANT_BASE, spec("epochs=20000"));
    trainer = start(settings);
    await().atMost(LIMIT).until(() -> !checkpointsOf(run).isEmpty());
    trainer.close();

    trainer =
        start(
            new TrainerSettings(
                settings.name() + "-second",
                settings.group(),
                settings.queueBytes(),
                settings.checkpointDirectory(),
                settings.checkpointInterval(),
                settings.stopTimeout(),
                Map.of("fullrank", "other")));

    await()
        .atMost(LIMIT)
        .until(
            () -> {
              published.poll();
              return published.events().stream().filter(RunEvent::hasStarted).count() == 2;
            });
    assertThat(lastHeader().hasResumedFromStep()).isFalse();
    assertThat(lastHeader().getWarningsList())
        .isNotEmpty()
        .allSatisfy(
            warning ->
                assertThat(warning)
                    .contains("written with fullrank test, here is other: the bits may differ"));
    cancelAndAwaitNoCheckpoints();
  }

  /** Returns a group whose last trainer died and had committed a note with the run's offset. */
  private String groupThatLeft(RecordMetadata accepted, String note) throws Exception {
    String group = "left-" + run;
    Map<TopicPartition, OffsetAndMetadata> left = new HashMap<>();
    try (Admin admin = connection.admin("test")) {
      Map<TopicPartition, OffsetSpec> latest = new HashMap<>();
      for (int partition = 0; partition < Topic.EXPERIMENTS.partitions(); partition++) {
        latest.put(new TopicPartition(accepted.topic(), partition), OffsetSpec.latest());
      }
      admin
          .listOffsets(latest)
          .all()
          .get()
          .forEach((partition, end) -> left.put(partition, new OffsetAndMetadata(end.offset())));
      left.put(
          new TopicPartition(accepted.topic(), accepted.partition()),
          new OffsetAndMetadata(accepted.offset(), note));
      admin.alterConsumerGroupOffsets(group, left).all().get();
    }
    return group;
  }

  private RunHeader lastHeader() {
    List<RunEvent> starts = published.events().stream().filter(RunEvent::hasStarted).toList();
    return starts.get(starts.size() - 1).getStarted();
  }

  private void cancelAndAwaitNoCheckpoints() throws Exception {
    send(
        RunRequest.newBuilder()
            .setRun(run)
            .setCancelled(true)
            .setSubmittedAt(Timestamps.now())
            .build());
    assertThat(published.awaitResult(LIMIT).getState()).isEqualTo(RunState.RUN_STATE_CANCELLED);
    assertNoCheckpointsLeft(run);
  }

  private static void assertNoCheckpointsLeft(String run) {
    await().atMost(LIMIT).until(() -> checkpointsOf(run).isEmpty());
  }

  private static List<CheckpointFile> checkpointsOf(String run) throws IOException {
    return new CheckpointFolder(folder.resolve("checkpoints")).of(run);
  }

  @Test
  void aRuleStopsARunWhoseLossDiverges() throws Exception {
    submit(
        Variant.VARIANT_BASE,
        spec(
            "epochs=400",
            "algorithm={sgd: {learning-rate: 10, schedule: constant, warm-up-epochs: 20}}",
            "rules=[{when: loss-diverged, threshold: 1.01, do: stop}]"));

    trainer = start(settings);

    RunResult result = published.awaitResult(LIMIT);
    assertThat(result.getState()).isEqualTo(RunState.RUN_STATE_CANCELLED);
    assertThat(result.getReason()).contains("the training loss", "a rule stopped the run at step");
    assertThat(result.hasTestError()).isTrue();
    assertThat(ruleEvents())
        .singleElement()
        .satisfies(
            event -> {
              assertThat(event.getStep()).isEqualTo(result.getSteps());
              assertThat(event.getCondition())
                  .isEqualTo(RuleCondition.RULE_CONDITION_LOSS_DIVERGED);
              assertThat(event.getAction()).isEqualTo(RuleAction.RULE_ACTION_STOP);
            });
    assertNoCheckpointsLeft(run);
  }

  /** The verdicts are the test's own; each is there before what follows from it is awaited. */
  @Test
  void rulesActOnVerdictsAndALaterAttemptKnowsWhatTheyDid() throws Exception {
    submit(
        Variant.VARIANT_BASE,
        spec(
            "epochs=1000000",
            "snapshots={every-epochs: 100}",
            "rules=[{when: certificate-lapsed, do: perturb, noise: 0.01},"
                + " {when: certificate-lapsed, do: checkpoint}, {when: rank-collapse, do: stop}]"));
    trainer = start(settings);
    List<Snapshot> snapshots = published.awaitSnapshots(2);
    long attempt = lastHeader().getAttempt();

    judge(attempt, snapshots.get(0).getStep(), Outcome.OUTCOME_CERTIFIED);
    judge(attempt, snapshots.get(1).getStep(), Outcome.OUTCOME_REFUTED);

    published.awaitEvent(
        event -> event.getRule().getAction() == RuleAction.RULE_ACTION_CHECKPOINT, LIMIT);
    RuleEvent perturbed = ruleEvents().get(0);
    assertThat(perturbed.getAction()).isEqualTo(RuleAction.RULE_ACTION_PERTURB);
    assertThat(perturbed.getObservedStep()).isEqualTo(snapshots.get(1).getStep());
    // What a process that is killed now would leave behind.
    await()
        .atMost(LIMIT)
        .until(
            () -> checkpointsOf(run).stream().anyMatch(file -> file.step() >= perturbed.getStep()));
    await()
        .atMost(LIMIT)
        .until(
            () -> {
              published.poll();
              return snapshots.stream().anyMatch(Snapshot::getWitness);
            });
    assertThat(snapshots)
        .filteredOn(Snapshot::getWitness)
        .extracting(Snapshot::getStep)
        .containsExactly(perturbed.getStep());
    judge(attempt, perturbed.getStep(), Outcome.OUTCOME_CERTIFIED);

    trainer.close();
    trainer = start(settings(settings.name() + "-second", 64L << 20, settings.group()));
    await()
        .atMost(LIMIT)
        .until(
            () -> {
              published.poll();
              return lastHeader().getAttempt() > attempt;
            });
    long later = lastHeader().getAttempt();
    assertThat(lastHeader().getResumedFromStep()).isGreaterThanOrEqualTo(perturbed.getStep());
    long step = lastHeader().getResumedFromStep();
    // Of an attempt that is over; and of one that goes on, but before the perturbation.
    judge(attempt, step + 1, Outcome.OUTCOME_REFUTED);
    judge(later, perturbed.getStep() - 1, Outcome.OUTCOME_REFUTED);
    rank(later, step + 1, 8);
    rank(later, step + 2, 3.5);

    RunResult result = published.awaitResult(LIMIT);
    assertThat(result.getState()).isEqualTo(RunState.RUN_STATE_CANCELLED);
    assertThat(result.getReason())
        .contains("layer 'hidden.1' has an effective rank of 3.500")
        .doesNotContain("\n");
    assertThat(ruleEvents())
        .extracting(RuleEvent::getAction)
        .containsExactly(
            RuleAction.RULE_ACTION_PERTURB,
            RuleAction.RULE_ACTION_CHECKPOINT,
            RuleAction.RULE_ACTION_STOP);
    assertNoCheckpointsLeft(run);
    assertThat(new CheckpointFolder(folder.resolve("checkpoints/kept")).of(run))
        .singleElement()
        .satisfies(
            kept -> {
              assertThat(kept.step()).isEqualTo(perturbed.getStep());
              assertThat(kept.read().header().getPosition().getRules().getPerturbations())
                  .isEqualTo(1);
            });
  }

  private List<RuleEvent> ruleEvents() {
    return published.events().stream().filter(RunEvent::hasRule).map(RunEvent::getRule).toList();
  }

  private void judge(long attempt, long step, Outcome outcome) throws Exception {
    publish(
        verdict(attempt, step)
            .setCheck("expressivity")
            .setCertificate(Certificate.newBuilder().setOutcome(outcome)));
  }

  private void rank(long attempt, long step, double rank) throws Exception {
    publish(
        verdict(attempt, step)
            .setCheck("collapse")
            .addMeasures(
                Measure.newBuilder()
                    .setName("effective-rank")
                    .setLayer("hidden.1")
                    .setValue(rank)
                    .setKind(MeasureKind.MEASURE_KIND_ESTIMATE)));
  }

  private Verdict.Builder verdict(long attempt, long step) {
    return Verdict.newBuilder().setRun(run).setAttempt(attempt).setStep(step);
  }

  private void publish(Verdict.Builder verdict) throws Exception {
    byte[] record = CheckRecord.newBuilder().setVerdict(verdict).build().toByteArray();
    requests.send(new ProducerRecord<>(Topic.VERDICTS.name(), run, record)).get();
  }

  @Test
  void trainsOnWhenTheDiskTakesNoCheckpoints() throws Exception {
    Path noFolder = Files.createFile(folder.resolve("no-folder-" + run));
    SimpleMeterRegistry registry = new SimpleMeterRegistry();
    submit(Variant.VARIANT_BASE, spec("epochs=400"));

    trainer =
        new Trainer(
            connection,
            new TrainerSettings(
                settings.name(),
                settings.group(),
                settings.queueBytes(),
                Optional.of(noFolder),
                Duration.ofMillis(1),
                settings.stopTimeout(),
                settings.versions()),
            new TrainingData(folder),
            new TrainerMetrics(registry));
    trainer.start();

    assertThat(published.awaitResult(LIMIT).getState()).isEqualTo(RunState.RUN_STATE_FINISHED);
    assertThat(registry.get("fullrank.trainer.checkpoint.failures").counter().count()).isPositive();
  }

  @Test
  void doesNotTrainAFinishedRunAgain() throws Exception {
    submit(Variant.VARIANT_BASE, spec("epochs=1"));
    trainer = start(settings);
    published.awaitResult(LIMIT);
    trainer.close();

    RunRequest next = submit(run + "-next", Variant.VARIANT_BASE, spec("epochs=1"));
    try (TopicReader reader = new TopicReader(connection, next.getRun())) {
      trainer = start(settings(settings.name() + "-second", 64L << 20, settings.group()));
      reader.awaitResult(LIMIT);
    }

    published.poll();
    assertThat(published.events().stream().filter(RunEvent::hasStarted)).hasSize(1);
  }

  @Test
  void failsARunWhoseDataIsNotThereAndGoesOn() throws Exception {
    ExperimentSpec.Builder missing = spec("epochs=1").toBuilder();
    missing.getDataSetBuilder().setName("semeion").setTrainSize(10);
    submit(Variant.VARIANT_BASE, missing.build());

    trainer = start(settings);

    RunResult result = published.awaitResult(LIMIT);
    assertThat(result.getState()).isEqualTo(RunState.RUN_STATE_FAILED);
    assertThat(result.getReason()).contains("semeion").doesNotContain("\n");
  }

  @Test
  void setsAsideWhatIsNoRequest() throws Exception {
    byte[] garbage = "no protobuf".getBytes(StandardCharsets.UTF_8);
    requests.send(new ProducerRecord<>(Topic.EXPERIMENTS.name(), run, garbage)).get();
    submit(Variant.VARIANT_BASE, spec("epochs=1"));

    trainer = start(settings);

    assertThat(published.awaitResult(LIMIT).getState()).isEqualTo(RunState.RUN_STATE_FINISHED);
    await()
        .atMost(LIMIT)
        .untilAsserted(
            () -> {
              published.poll();
              assertThat(published.deadLetters())
                  .anySatisfy(
                      letter -> {
                        assertThat(letter.value()).isEqualTo(garbage);
                        assertThat(
                                new String(
                                    letter.headers().lastHeader(DeadLetters.SOURCE_TOPIC).value(),
                                    StandardCharsets.UTF_8))
                            .isEqualTo(Topic.EXPERIMENTS.name());
                      });
            });
  }

  // Kafka's clients themselves give up after a minute.
  @Test
  @Timeout(30)
  void stopsAtOnceWhileItWaitsForABroker() throws Exception {
    String name = "trainer-" + run;
    Trainer waiting =
        new Trainer(
            KafkaConnection.to("127.0.0.1:1"),
            settings(name, 1 << 20),
            new TrainingData(folder),
            new TrainerMetrics(new SimpleMeterRegistry()));
    waiting.start();
    await()
        .atMost(LIMIT)
        .until(
            () ->
                Thread.getAllStackTraces().keySet().stream()
                    .anyMatch(thread -> thread.getName().endsWith(name + "-topics")));

    waiting.close();

    assertThat(waiting.isAlive()).isFalse();
  }

  @Test
  void trainsOnWhileTheBrokerIsAway() throws Exception {
    try (MortalBroker mortal = MortalBroker.start(folder.resolve("mortal"))) {
      KafkaConnection toMortal = KafkaConnection.to(mortal.bootstrapServers());
      try (Admin admin = toMortal.admin("test")) {
        TopicCreation.ensure(admin, Topic.ALL);
      }
      try (KafkaProducer<String, byte[]> producer = toMortal.producer("test", Map.of())) {
        producer
            .send(record(request(run, Variant.VARIANT_BASE, spec("epochs=600", EVERY_STEP))))
            .get();
      }
      SimpleMeterRegistry registry = new SimpleMeterRegistry();
      TopicReader reader = new TopicReader(toMortal, run);
      trainer =
          new Trainer(
              toMortal,
              settings("trainer-" + run, 1 << 20),
              new TrainingData(folder),
              new TrainerMetrics(registry));
      trainer.start();
      reader.awaitEvent(RunEvent::hasProgress, LIMIT);
      mortal.kill();

      // Steps go on being done with nobody there to hear of them.
      double before = registry.get("fullrank.trainer.steps").counter().count();
      await()
          .atMost(LIMIT)
          .until(() -> registry.get("fullrank.snapshots.dropped").counter().count() > 0);
      await()
          .atMost(LIMIT)
          .until(() -> registry.get("fullrank.trainer.steps").counter().count() > before);
      await()
          .atMost(LIMIT)
          .until(() -> registry.get("fullrank.trainer.runs").counter().count() == 1);

      mortal.startAgain();
      RunResult result = reader.awaitResult(LIMIT);
      assertThat(result.getState()).isEqualTo(RunState.RUN_STATE_FINISHED);
      assertThat(result.getSnapshots().getDropped()).isPositive();
      long delivered = result.getSnapshots().getPublished() - result.getSnapshots().getDropped();
      assertThat(
              reader.awaitSnapshots((int) delivered).stream()
                  .map(Snapshot::getStep)
                  .collect(toSet()))
          .hasSize((int) delivered);
      reader.close();
      trainer.close();
      trainer = null;
    }
  }

  private Trainer start(TrainerSettings with) {
    Trainer started =
        new Trainer(
            connection,
            with,
            new TrainingData(folder),
            new TrainerMetrics(new SimpleMeterRegistry()));
    started.start();
    return started;
  }

  private RunRequest submit(Variant variant, ExperimentSpec spec) throws Exception {
    return submit(run, variant, spec);
  }

  private RunRequest submit(String name, Variant variant, ExperimentSpec spec) throws Exception {
    RunRequest request = request(name, variant, spec);
    send(request);
    return request;
  }

  private void send(RunRequest request) throws Exception {
    requests.send(record(request)).get();
  }

  private static ProducerRecord<String, byte[]> record(RunRequest request) {
    return new ProducerRecord<>(Topic.EXPERIMENTS.name(), request.getRun(), request.toByteArray());
  }

  private static RunRequest request(String name, Variant variant, ExperimentSpec spec) {
    return RunRequest.newBuilder()
        .setRun(name)
        .setExperiment("test")
        .setVariant(variant)
        .setSeed(1)
        .setSpec(spec)
        .setSubmittedAt(Timestamps.now())
        .build();
  }

  private static ExperimentSpec spec(String... overrides) {
    return ExperimentFile.read(Path.of("src/test/resources/small.yaml"), List.of(overrides));
  }

  private static TrainerSettings settings(String name, long queueBytes) {
    // One group for all tests, so that none trains the runs of those before it.
    return settings(name, queueBytes, "trainer-test");
  }

  private static TrainerSettings settings(String name, long queueBytes, String group) {
    return new TrainerSettings(
        name,
        group,
        queueBytes,
        Optional.of(folder.resolve("checkpoints")),
        Duration.ofMillis(100),
        Duration.ofSeconds(20),
        Map.of("fullrank", "test"));
  }
}
