package io.fullrank.metrics.query;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.MessageLite;
import io.fullrank.metrics.Records;
import io.fullrank.metrics.TestClock;
import io.fullrank.metrics.selection.Portion;
import io.fullrank.metrics.selection.StepRange;
import io.fullrank.metrics.store.HeldPartitions;
import io.fullrank.metrics.store.RunChanges;
import io.fullrank.metrics.store.RunPartition;
import io.fullrank.metrics.store.RunRecord;
import io.fullrank.metrics.streams.InMemory;
import io.fullrank.proto.v1.ListProgressRequest;
import io.fullrank.proto.v1.ListProgressResponse;
import io.fullrank.proto.v1.ListVerdictsRequest;
import io.fullrank.proto.v1.ListVerdictsResponse;
import io.fullrank.proto.v1.Outcome;
import io.fullrank.proto.v1.Progress;
import io.fullrank.proto.v1.Variant;
import io.fullrank.proto.v1.Verdict;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

class StepListsTest {

  private static final StepRange ALL = new StepRange(0, -1);

  /** The layers with parameters of the largest residual network that is accepted. */
  private static final int LAYERS = 8003;

  private final HeldPartitions held =
      InMemory.heldPartitions(new RunChanges(), new TestClock(InMemory.NOW));
  private final RunPartition partition = held.partition(0).orElseThrow();

  StepListsTest() {
    apply(new RunRecord.Requested(Records.request("r", "e", Variant.VARIANT_TWO_PHASE, 1)));
  }

  @Test
  void readsNoMoreProgressThanAPageHolds() {
    for (long step = 1; step <= 30; step++) {
      report(step, LAYERS);
    }
    List<Progress> read = partition.progress("r", ALL, 1001).orElseThrow().values();
    assertThat(bytes(read.subList(0, read.size() - 1))).isLessThanOrEqualTo(Portion.BYTES);

    List<Long> steps = new ArrayList<>();
    ListProgressRequest.Builder request =
        ListProgressRequest.newBuilder().setRun("r").setPageSize(1000);
    do {
      ListProgressResponse page = StepLists.list(partition, request.build()).orElseThrow();
      assertThat(bytes(page.getProgressList())).isBetween(1L, (long) Portion.BYTES);
      page.getProgressList()
          .forEach(
              progress -> {
                assertThat(progress.getGradientNormsCount()).isEqualTo(LAYERS);
                steps.add(progress.getStep());
              });
      request.setPageToken(page.getNextPageToken());
    } while (!request.getPageToken().isEmpty());
    assertThat(steps).containsExactlyElementsOf(LongStream.rangeClosed(1, 30).boxed().toList());
  }

  @Test
  void chartsGetAllTheirPointsHoweverManyLayersANetworkHas() {
    for (long step = 1; step <= 1000; step++) {
      report(step, 111);
    }
    ListProgressResponse chart =
        StepLists.list(
                partition, ListProgressRequest.newBuilder().setRun("r").setMaxPoints(1000).build())
            .orElseThrow();
    assertThat(chart.getProgressList())
        .hasSize(1000)
        .allSatisfy(
            point -> {
              assertThat(point.getTrainLoss()).isEqualTo(1.0 / point.getStep());
              assertThat(point.getSnapshots().getPublished()).isEqualTo(3);
              assertThat(point.getGradientNormsCount()).isZero();
            });
    assertThat(chart.getNextPageToken()).isEmpty();
  }

  @Test
  void readsNoMoreVerdictsThanAPageHolds() {
    for (long step = 1; step <= 40; step++) {
      judge(step, 200_000);
    }
    List<Verdict> read =
        partition.verdicts("r", ALL, "", Optional.empty(), 1001).orElseThrow().values();
    assertThat(bytes(read.subList(0, read.size() - 1))).isLessThanOrEqualTo(Portion.BYTES);

    List<Long> steps = new ArrayList<>();
    ListVerdictsRequest.Builder request =
        ListVerdictsRequest.newBuilder().setRun("r").setPageSize(1000);
    do {
      ListVerdictsResponse page = StepLists.list(partition, request.build()).orElseThrow();
      page.getVerdictsList().forEach(verdict -> steps.add(verdict.getStep()));
      request.setPageToken(page.getNextPageToken());
    } while (!request.getPageToken().isEmpty());
    assertThat(steps).containsExactlyElementsOf(LongStream.rangeClosed(1, 40).boxed().toList());
  }

  @Test
  void chartsGetFewerVerdictsWhereAllDoNotFit() {
    for (long step = 1; step <= 40; step++) {
      judge(step, 200_000);
    }
    List<Verdict> chart =
        StepLists.list(
                partition, ListVerdictsRequest.newBuilder().setRun("r").setMaxPoints(1000).build())
            .orElseThrow()
            .getVerdictsList();
    assertThat(bytes(chart)).isLessThanOrEqualTo(Portion.BYTES);
    assertThat(chart)
        .hasSize(15)
        .extracting(Verdict::getStep)
        .isSorted()
        .startsWith(1L)
        .contains(20L)
        .endsWith(40L);
  }

  @Test
  void listsTheVerdictsOfOneCheck() {
    for (long step = 1; step <= 30; step++) {
      judge(step, 10);
      judge(step, 10, "tangent-kernel");
    }
    ListVerdictsRequest.Builder request =
        ListVerdictsRequest.newBuilder().setRun("r").setCheck("tangent-kernel").setPageSize(7);
    List<Verdict> listed = new ArrayList<>();
    do {
      ListVerdictsResponse page = StepLists.list(partition, request.build()).orElseThrow();
      listed.addAll(page.getVerdictsList());
      request.setPageToken(page.getNextPageToken());
    } while (!request.getPageToken().isEmpty());
    List<Verdict> chart =
        StepLists.list(partition, request.clearPageSize().setMaxPoints(3).build())
            .orElseThrow()
            .getVerdictsList();

    assertThat(listed).hasSize(30).allMatch(of -> of.getCheck().equals("tangent-kernel"));
    assertThat(chart)
        .hasSize(3)
        .allMatch(of -> of.getCheck().equals("tangent-kernel"))
        .extracting(Verdict::getStep)
        .startsWith(1L)
        .endsWith(30L);
    assertThat(StepLists.list(partition, request.setCheck("margins").build()).orElseThrow())
        .isEqualTo(ListVerdictsResponse.getDefaultInstance());
  }

  @Test
  void aMessageThatIsLargerThanAPageHasItsOwn() {
    judge(1, Portion.BYTES + 1);
    judge(2, 10);
    ListVerdictsRequest.Builder request = ListVerdictsRequest.newBuilder().setRun("r");
    ListVerdictsResponse first = StepLists.list(partition, request.build()).orElseThrow();
    assertThat(first.getVerdictsList()).extracting(Verdict::getStep).containsExactly(1L);
    request.setPageToken(first.getNextPageToken());
    ListVerdictsResponse second = StepLists.list(partition, request.build()).orElseThrow();
    assertThat(second.getVerdictsList()).extracting(Verdict::getStep).containsExactly(2L);
    assertThat(second.getNextPageToken()).isEmpty();
  }

  private void report(long step, int layers) {
    apply(new RunRecord.Reported(Records.withNorms(Records.progress("r", 1, step, 3, 0), layers)));
  }

  /** Has the verdict on step 20 be that on the witness. */
  private void judge(long step, int reasonLength) {
    judge(step, reasonLength, "expressivity");
  }

  private void judge(long step, int reasonLength, String check) {
    Verdict.Builder verdict =
        Records.verdict("r", 1, step, Outcome.OUTCOME_UNDETERMINED).toBuilder()
            .setCheck(check)
            .setWitness(step == 20);
    verdict.getCertificateBuilder().setReason("x".repeat(reasonLength));
    apply(new RunRecord.Reported(Records.started("r", 1)));
    apply(new RunRecord.Checked(verdict.build()));
  }

  private void apply(RunRecord record) {
    InMemory.apply(held, record);
  }

  private static long bytes(List<? extends MessageLite> messages) {
    return messages.stream().mapToLong(MessageLite::getSerializedSize).sum();
  }
}
