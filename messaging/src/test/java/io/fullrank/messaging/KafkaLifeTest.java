package io.fullrank.messaging;

import static io.fullrank.messaging.KafkaLife.State.CONNECTING;
import static io.fullrank.messaging.KafkaLife.State.ENDED;
import static io.fullrank.messaging.KafkaLife.State.JOINED;
import static io.fullrank.messaging.KafkaLife.State.STOPPING;
import static io.fullrank.messaging.KafkaLife.State.WAITING;
import static org.assertj.core.api.Assertions.assertThat;

import io.fullrank.messaging.KafkaLife.Pauses;
import io.fullrank.messaging.KafkaLife.State;
import io.fullrank.messaging.KafkaLife.Work;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.Semaphore;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.FencedInstanceIdException;
import org.apache.kafka.common.errors.TopicAuthorizationException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@Timeout(30)
class KafkaLifeTest {

  private static final Duration LIMIT = Duration.ofSeconds(10);
  private static final Pauses SHORT = new Pauses(Duration.ofMillis(1), Duration.ofMillis(4));
  private static final Pauses LONG = new Pauses(Duration.ofHours(1), Duration.ofHours(1));

  private static final Map<State, Set<State>> ALLOWED =
      Map.of(
          CONNECTING, Set.of(JOINED, WAITING, STOPPING),
          JOINED, Set.of(CONNECTING, WAITING, STOPPING),
          WAITING, Set.of(CONNECTING, STOPPING),
          STOPPING, Set.of(ENDED),
          ENDED, Set.of());

  private final Logger logger = Logger.getLogger(KafkaLife.class.getName());
  private final List<String> told = new CopyOnWriteArrayList<>();
  private final Handler log =
      new Handler() {
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

  /** What attempts are to do, one after the other; further ones stay joined until woken up. */
  private final BlockingQueue<Work> attempts = new LinkedBlockingQueue<>();

  private final Semaphore begun = new Semaphore(0);
  private final CountDownLatch woken = new CountDownLatch(1);
  private final CountDownLatch ended = new CountDownLatch(1);
  private final Work work =
      new Work() {
        @Override
        public void attempt(KafkaLife life) throws InterruptedException {
          begun.release();
          Work next = attempts.poll();
          if (next != null) {
            next.attempt(life);
          } else {
            life.joined();
            woken.await();
          }
        }

        @Override
        public void wakeUp() {
          woken.countDown();
        }

        @Override
        public void end() {
          ended.countDown();
        }
      };

  @BeforeEach
  void listen() {
    logger.addHandler(log);
    logger.setUseParentHandlers(false);
  }

  @AfterEach
  void listenNoMore() {
    logger.removeHandler(log);
    logger.setUseParentHandlers(true);
  }

  @ParameterizedTest
  @EnumSource
  void statesFollowEachOtherAsSaid(State before) {
    for (State after : State.values()) {
      assertThat(before.mayBecome(after))
          .as("%s to %s", before, after)
          .isEqualTo(ALLOWED.get(before).contains(after));
    }
  }

  @Test
  void joinsAndStopsWhenWokenUp() throws Exception {
    CountDownLatch joined = new CountDownLatch(1);
    attempts.add(
        life -> {
          assertThat(life.state()).isEqualTo(CONNECTING);
          life.waitFor("a share");
          assertThat(life.waitsFor().orElseThrow()).startsWith("a share, for ");
          assertThat(life.joined()).isTrue();
          joined.countDown();
          woken.await();
          assertThat(life.state()).isEqualTo(STOPPING);
          assertThat(life.joined()).isFalse();
        });
    KafkaLife life = new KafkaLife("test", "No Kafka", LONG, work);
    assertThat(life.waitsFor().orElseThrow()).startsWith("its start, for ");
    life.start();
    joined.await();

    assertThat(life.hasJoined()).isTrue();
    life.waitFor("more of them");
    assertThat(life.waitsFor()).isEmpty();
    life.stop(LIMIT);

    assertThat(life.state()).isEqualTo(ENDED);
    assertThat(life.isAlive()).isFalse();
    assertThat(ended.getCount()).isZero();
    assertThat(told).isEmpty();
  }

  @Test
  void tellsAReasonOnceForAsLongAsItStaysTheSame() throws Exception {
    for (int attempt = 0; attempt < 5; attempt++) {
      String message = "no answer after %d ms".formatted(attempt);
      attempts.add(
          life -> {
            throw new KafkaUnavailableException(message, new KafkaException("timeout"));
          });
    }
    attempts.add(
        life -> {
          throw new KafkaUnavailableException("refused", new TopicAuthorizationException("topic"));
        });
    attempts.add(
        life -> {
          life.joined();
          throw new KafkaException("the broker went");
        });
    attempts.add(
        life -> {
          life.joined();
          throw new KafkaException("the broker went");
        });
    KafkaLife life = run(SHORT, 9);
    life.stop(LIMIT);

    assertThat(told)
        .containsExactly(
            "WARNING No Kafka: no answer after 0 ms: timeout",
            "SEVERE No Kafka: refused: topic",
            "WARNING No Kafka: the broker went",
            "WARNING No Kafka: the broker went");
  }

  @Test
  void saysWhyItPausesAndStopsAtOnce() throws Exception {
    attempts.add(
        life -> {
          life.joined();
          throw new KafkaException("the broker went");
        });
    KafkaLife life = run(LONG, 1);
    awaitState(life, WAITING);

    assertThat(life.waitsFor().orElseThrow())
        .startsWith("the next attempt, because of: the broker went, for ");
    life.stop(Duration.ofHours(1));

    assertThat(life.state()).isEqualTo(ENDED);
    assertThat(begun.availablePermits()).isZero();
  }

  @Test
  void aFencedClientPausesForTheLongest() throws Exception {
    attempts.add(
        life -> {
          throw new FailedAttemptException(
              "Another one has the name", new FencedInstanceIdException("fenced"));
        });
    KafkaLife life = run(new Pauses(Duration.ofMillis(1), Duration.ofHours(1)), 1);
    awaitState(life, WAITING);

    assertThat(told).containsExactly("SEVERE Another one has the name");
    // The shortest pause would have been over long before.
    while (!life.waitsFor().orElseThrow().endsWith("for 1 s")) {
      Thread.onSpinWait();
    }
    assertThat(begun.availablePermits()).isZero();
    life.stop(LIMIT);
  }

  @Test
  void asksAgainForWhatItHasLost() throws Exception {
    CountDownLatch seen = new CountDownLatch(1);
    CountDownLatch lost = new CountDownLatch(1);
    attempts.add(
        life -> {
          life.joined();
          life.lost("its partitions");
          lost.countDown();
          seen.await();
          life.joined();
          woken.await();
        });
    KafkaLife life = run(LONG, 1);
    lost.await();

    assertThat(life.state()).isEqualTo(CONNECTING);
    assertThat(life.waitsFor().orElseThrow()).startsWith("its partitions, for ");
    seen.countDown();
    awaitState(life, JOINED);
    life.stop(LIMIT);
    assertThat(told).isEmpty();
  }

  @Test
  void staysJoinedForWorkOfOtherThreadsAndEndsWhenItStops() throws Exception {
    attempts.add(
        life -> {
          life.pause(Duration.ofMillis(1));
          life.joined();
          life.awaitStop();
          life.pause(Duration.ofHours(1));
        });
    KafkaLife life = run(LONG, 1);
    awaitState(life, JOINED);

    life.stop(Duration.ofHours(1));

    assertThat(life.state()).isEqualTo(ENDED);
    assertThat(told).isEmpty();
  }

  @Test
  void whatDoesNotWakeUpIsInterruptedAfterTheLimit() throws Exception {
    CountDownLatch never = new CountDownLatch(1);
    attempts.add(
        life -> {
          life.joined();
          never.await();
        });
    KafkaLife life = run(LONG, 1);
    awaitState(life, JOINED);

    life.stop(Duration.ofMillis(50));

    assertThat(life.state()).isEqualTo(ENDED);
    assertThat(ended.getCount()).isZero();
  }

  @Test
  void aFaultThatIsNotKafkasEndsIt() throws Exception {
    attempts.add(
        life -> {
          throw new IllegalStateException("a fault");
        });
    KafkaLife life = run(SHORT, 1);
    ended.await();
    life.stop(LIMIT);

    assertThat(life.isAlive()).isFalse();
    assertThat(begun.availablePermits()).isZero();
    assertThat(told).hasSize(1);
  }

  @Test
  void whatWasNeverStartedEndsWhenItIsStopped() throws Exception {
    KafkaLife life = new KafkaLife("test", "No Kafka", SHORT, work);

    life.stop(LIMIT);
    life.stop(LIMIT);
    life.start();

    assertThat(life.state()).isEqualTo(ENDED);
    assertThat(begun.availablePermits()).isZero();
  }

  /** Starts a life and waits for some attempts to begin. */
  private KafkaLife run(Pauses pauses, int expected) throws InterruptedException {
    KafkaLife life = new KafkaLife("test", "No Kafka", pauses, work);
    life.start();
    begun.acquire(expected);
    return life;
  }

  private static void awaitState(KafkaLife life, State state) {
    while (life.state() != state) {
      Thread.onSpinWait();
    }
  }
}
