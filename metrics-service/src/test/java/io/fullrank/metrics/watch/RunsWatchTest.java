package io.fullrank.metrics.watch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.MessageLite;
import io.fullrank.messaging.KafkaConnection;
import io.fullrank.metrics.Records;
import io.fullrank.metrics.TestClock;
import io.fullrank.metrics.prometheus.CatchUp;
import io.fullrank.metrics.query.RunQueries;
import io.fullrank.metrics.selection.Portion;
import io.fullrank.metrics.store.HeldPartitions;
import io.fullrank.metrics.store.RunChanges;
import io.fullrank.metrics.store.RunRecord;
import io.fullrank.metrics.streams.InMemory;
import io.fullrank.metrics.streams.RunStreams;
import io.fullrank.proto.v1.Run;
import io.fullrank.proto.v1.Variant;
import io.fullrank.proto.v1.WatchExperimentResponse;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.stream.IntStream;
import org.apache.kafka.streams.state.HostInfo;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Watches of what one instance holds, which Kafka has not told of any other. */
class RunsWatchTest {

  private final ScheduledExecutorService executor = Executors.newSingleThreadScheduledExecutor();
  private final TestClock clock = new TestClock(InMemory.NOW);
  private final HeldPartitions held = InMemory.heldPartitions(new RunChanges(), clock);
  private final RunQueries queries =
      new RunQueries(
          held,
          new RunStreams(
              KafkaConnection.to("127.0.0.1:1"),
              null,
              HostInfo.unavailable(),
              held,
              null,
              new CatchUp(),
              clock),
          null);
  private final List<String> names = IntStream.range(0, 40).mapToObj(i -> "r" + i).toList();

  RunsWatchTest() {
    String warning = "w".repeat(200_000);
    for (int i = 0; i < names.size(); i++) {
      InMemory.apply(
          held,
          new RunRecord.Requested(
              Records.request(names.get(i), "e", Variant.VARIANT_BASE, i).toBuilder()
                  .addWarnings(warning)
                  .build()));
    }
  }

  @AfterEach
  void stop() {
    executor.shutdownNow();
  }

  @Test
  void tellsOfManyRunsInResponsesThatFit() {
    RunsWatch<WatchExperimentResponse> watch = watch("");
    List<WatchExperimentResponse> told = tellAll(watch);
    assertThat(runs(told)).isEqualTo(names);
    assertThat(told)
        .hasSize(3)
        .allSatisfy(
            response ->
                assertThat(
                        response.getRunsList().stream()
                            .mapToLong(MessageLite::getSerializedSize)
                            .sum())
                    .isLessThanOrEqualTo(Portion.BYTES));

    watch.anyChanged();
    assertThat(tellAll(watch)).isEmpty();
    begin("r7");
    begin("r39");
    watch.anyChanged();
    assertThat(runs(tellAll(watch))).containsExactly("r7", "r39");
  }

  @Test
  void goesOnFromAnyOfItsTokens() {
    List<WatchExperimentResponse> told = tellAll(watch(""));
    begin("r3");
    begin("r20");
    assertThat(runs(tellAll(watch(told.get(2).getResumeToken())))).containsExactly("r3", "r20");
    assertThat(runs(tellAll(watch(told.get(0).getResumeToken()))))
        .startsWith("r3", "r15")
        .hasSize(26);
  }

  @Test
  void beginsAnewIfAnyRunMayHaveChangedMeanwhile() {
    RunsWatch<WatchExperimentResponse> watch = watch("");
    assertThat(watch.take().orElseThrow().getRunsList()).hasSize(15);
    begin("r3");
    watch.anyChanged();
    assertThat(runs(tellAll(watch))).startsWith("r3", "r15").endsWith("r39").hasSize(26);
  }

  @Test
  void endsWhenTheLastRunIsDeleted() {
    RunsWatch<WatchExperimentResponse> watch = watch("");
    List<WatchExperimentResponse> unused = tellAll(watch);
    names.stream().skip(1).forEach(name -> InMemory.apply(held, new RunRecord.Withdrawn(name)));
    watch.anyChanged();
    assertThat(tellAll(watch)).isEmpty();
    InMemory.apply(held, new RunRecord.Withdrawn("r0"));
    watch.anyChanged();
    assertThatThrownBy(() -> tellAll(watch)).hasMessage("NOT_FOUND: experiment: e was deleted");
  }

  private void begin(String run) {
    InMemory.apply(held, new RunRecord.Reported(Records.started(run, 1)));
  }

  private RunsWatch<WatchExperimentResponse> watch(String token) {
    return RunsWatch.ofExperiment("e", names.size(), token, queries, executor);
  }

  /** Has all told that is pending. */
  private static List<WatchExperimentResponse> tellAll(RunsWatch<WatchExperimentResponse> watch) {
    List<WatchExperimentResponse> responses = new ArrayList<>();
    while (watch.isPending()) {
      watch.take().ifPresent(responses::add);
    }
    return responses;
  }

  private static List<String> runs(List<WatchExperimentResponse> responses) {
    return responses.stream()
        .flatMap(response -> response.getRunsList().stream())
        .map(Run::getRequest)
        .map(request -> request.getRun())
        .toList();
  }
}
