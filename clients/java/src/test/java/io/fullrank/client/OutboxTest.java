package io.fullrank.client;

import static org.assertj.core.api.Assertions.assertThat;

import io.fullrank.client.Outbox.Entry;
import io.fullrank.client.Outbox.Kind;
import io.fullrank.proto.v1.ReportRequest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** What is kept, what is dropped, and what is sent again. */
class OutboxTest {

  private final Outbox outbox = new Outbox(2);

  @Test
  void dropsTheOldestProgressAndCountsIt() throws InterruptedException {
    Entry oldest = entry(Kind.PROGRESS);
    Entry guarantee = entry(Kind.GUARANTEE);
    Entry second = entry(Kind.PROGRESS);
    Entry third = entry(Kind.PROGRESS);
    List.of(oldest, guarantee, second, third).forEach(outbox::offer);

    assertThat(takeAll()).containsExactly(guarantee, second, third);
    assertThat(outbox.droppedProgress()).isEqualTo(1);
  }

  @Test
  void keepsTheNewestFeaturesButNeverDropsAWitness() throws InterruptedException {
    Entry witness = entry(Kind.WITNESS);
    assertThat(outbox.offer(entry(Kind.SNAPSHOT))).isTrue();
    assertThat(outbox.offer(entry(Kind.SNAPSHOT))).isTrue();
    assertThat(outbox.offer(witness)).isTrue();
    assertThat(outbox.offer(entry(Kind.SNAPSHOT))).isFalse();

    assertThat(takeAll()).containsExactly(witness);
    assertThat(outbox.snapshots().getPublished()).isEqualTo(4);
    assertThat(outbox.snapshots().getDropped()).isEqualTo(3);
  }

  @Test
  void letsOneMatrixTravelAtATime() throws InterruptedException {
    Entry first = entry(Kind.SNAPSHOT);
    Entry second = entry(Kind.SNAPSHOT);
    outbox.startAgain();
    outbox.offer(first);
    assertThat(takeAll()).containsExactly(first);
    outbox.offer(second);
    assertThat(takeAll()).isEmpty();

    outbox.sent(first, 7);
    outbox.accepted(1, 7);

    assertThat(takeAll()).containsExactly(second);
  }

  @Test
  void sendsAgainInOrderWhatWasNotAccepted() throws InterruptedException {
    List<Entry> entries =
        List.of(entry(Kind.GUARANTEE), entry(Kind.SNAPSHOT), entry(Kind.PROGRESS));
    int lost = outbox.startAgain();
    entries.forEach(outbox::offer);
    takeAll();
    for (int i = 0; i < entries.size(); i++) {
      outbox.sent(entries.get(i), i + 2);
    }
    outbox.accepted(lost, 2);

    outbox.startAgain();
    // It comes late, and its numbers are not those of the new stream.
    outbox.accepted(lost, 4);

    assertThat(takeAll()).containsExactly(entries.get(1), entries.get(2));
    assertThat(outbox.hasUnanswered()).isTrue();
  }

  @Test
  void forgetsWhatIsAcceptedBeforeItsSendingIsNoted() throws InterruptedException {
    Entry progress = entry(Kind.PROGRESS);
    int stream = outbox.startAgain();
    outbox.offer(progress);
    takeAll();

    outbox.accepted(stream, 2);
    outbox.sent(progress, 2);

    assertThat(outbox.awaitAccepted(Duration.ZERO)).isTrue();
  }

  private List<Entry> takeAll() throws InterruptedException {
    List<Entry> taken = new ArrayList<>();
    for (Optional<Entry> next = outbox.take(Duration.ZERO);
        next.isPresent();
        next = outbox.take(Duration.ZERO)) {
      taken.add(next.get());
    }
    return taken;
  }

  private static Entry entry(Kind kind) {
    return new Entry(kind, ReportRequest.getDefaultInstance(), Optional.empty());
  }
}
