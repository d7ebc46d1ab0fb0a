package io.fullrank.messaging;

import static org.apache.kafka.clients.admin.TransactionState.COMPLETE_ABORT;
import static org.apache.kafka.clients.admin.TransactionState.COMPLETE_COMMIT;
import static org.apache.kafka.clients.admin.TransactionState.EMPTY;
import static org.apache.kafka.clients.admin.TransactionState.ONGOING;
import static org.apache.kafka.clients.admin.TransactionState.PREPARE_ABORT;
import static org.apache.kafka.clients.admin.TransactionState.PREPARE_COMMIT;
import static org.assertj.core.api.Assertions.assertThat;

import io.fullrank.messaging.TransactionLog.Entry;
import io.fullrank.messaging.TransactionLog.Outcome;
import io.fullrank.messaging.TransactionLog.ProducerEpoch;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.admin.TransactionState;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.Test;

/** Records as coordinators write them; {@link HangingTransactionsTest} has those of a real one. */
class TransactionLogTest {

  private static final TopicPartition A = new TopicPartition("t", 0);
  private static final TopicPartition B = new TopicPartition("t", 1);

  @Test
  void tellsWhatOpenTransactionsWaitFor() {
    assertThat(outcome(entry(1, ONGOING, A))).isEqualTo(Outcome.ONGOING);
    assertThat(outcome(entry(1, ONGOING, A), entry(2, PREPARE_COMMIT, A)))
        .isEqualTo(Outcome.PREPARED);
    assertThat(outcome(entry(1, ONGOING, A), entry(2, PREPARE_ABORT, A)))
        .isEqualTo(Outcome.PREPARED);
  }

  @Test
  void tellsADecisionHoweverOftenTheProducerHasBegunAnew() {
    Entry ongoing = entry(1, ONGOING, A, B);
    assertThat(outcome(ongoing, entry(2, PREPARE_COMMIT, A, B), entry(2, COMPLETE_COMMIT)))
        .isEqualTo(Outcome.COMMITTED);
    assertThat(
            outcome(
                ongoing,
                entry(2, PREPARE_COMMIT, A, B),
                entry(2, COMPLETE_COMMIT),
                entry(3, EMPTY),
                entry(3, ONGOING, B),
                entry(4, PREPARE_ABORT, B),
                entry(4, COMPLETE_ABORT)))
        .isEqualTo(Outcome.COMMITTED);
    assertThat(
            outcome(
                ongoing, entry(3, PREPARE_ABORT, A, B), entry(3, COMPLETE_ABORT), entry(4, EMPTY)))
        .isEqualTo(Outcome.ABORTED);
  }

  @Test
  void tellsTheLastTransactionOfThePartition() {
    // Before Kafka 4.0 epochs did not rise with transactions.
    assertThat(
            outcome(
                entry(1, ONGOING, A),
                entry(1, PREPARE_ABORT, A),
                entry(1, COMPLETE_ABORT),
                entry(1, ONGOING, A),
                entry(1, PREPARE_COMMIT, A),
                entry(1, COMPLETE_COMMIT),
                entry(1, ONGOING, B)))
        .isEqualTo(Outcome.COMMITTED);
  }

  @Test
  void tellsADecisionAfterTheIdHasGotAnotherProducer() {
    assertThat(
            outcome(
                entry(1, ONGOING, A),
                entry(2, PREPARE_COMMIT, A),
                new Entry(8, (short) 0, COMPLETE_COMMIT, Set.of())))
        .isEqualTo(Outcome.COMMITTED);
  }

  @Test
  void knowsWhatCompactionHasLeft() {
    assertThat(outcome(entry(2, COMPLETE_COMMIT))).isEqualTo(Outcome.COMMITTED);
    assertThat(outcome(entry(2, COMPLETE_ABORT), entry(3, EMPTY))).isEqualTo(Outcome.ABORTED);
  }

  @Test
  void claimsNothingThatTheLogDoesNotSay() {
    assertThat(outcome()).isEqualTo(Outcome.FORGOTTEN);
    assertThat(outcome(entry(3, EMPTY))).isEqualTo(Outcome.FORGOTTEN);
    // These are records of an earlier transaction of the same producer, and of a later one.
    assertThat(outcome(entry(0, PREPARE_COMMIT, A), entry(0, COMPLETE_COMMIT)))
        .isEqualTo(Outcome.FORGOTTEN);
    assertThat(outcome(entry(3, COMPLETE_COMMIT))).isEqualTo(Outcome.FORGOTTEN);
  }

  private static Outcome outcome(Entry... history) {
    return new TransactionLog(Map.of("id", Arrays.asList(history), "other", List.of(other())))
        .outcome(new ProducerEpoch(7, (short) 1), A);
  }

  private static Entry other() {
    return new Entry(9, (short) 1, PREPARE_COMMIT, Set.of(A));
  }

  private static Entry entry(int epoch, TransactionState state, TopicPartition... partitions) {
    return new Entry(7, (short) epoch, state, Set.of(partitions));
  }
}
