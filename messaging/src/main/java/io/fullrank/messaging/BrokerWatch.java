package io.fullrank.messaging;

import java.time.Duration;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.DescribeClusterOptions;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.InterruptException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Asks every two seconds whether a Kafka broker answers, so that a service can say at any time
 * whether it has one; the question needs no rights beyond connecting. While a broker answers, the
 * watch also looks for {@link HangingTransactions}. While the service waits for something, the
 * watch logs a line about it every 15 s.
 */
public final class BrokerWatch implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(BrokerWatch.class);
  private static final Duration PERIOD = Duration.ofSeconds(2);
  private static final Duration ANSWER_LIMIT = Duration.ofSeconds(5);
  private static final Duration WAIT_SPEAKS = Duration.ofSeconds(15);

  private final KafkaConnection kafka;
  private final String clientId;
  private final HangingTransactions transactions;
  private final Supplier<Optional<String>> waitsFor;
  private final Consumer<Boolean> afterEach;
  private final CountDownLatch closing = new CountDownLatch(1);
  private final Thread thread = new Thread(this::watch, "broker-watch");
  private volatile boolean answering;

  // Only the thread uses these: since when there is a wait, and when it is to be logged next.
  private OptionalLong waitsSince = OptionalLong.empty();
  private long speaksAt;

  /**
   * Begins to ask.
   *
   * @param clientId of the connection that asks
   * @param waitsFor what the service waits for before it can serve, in words; empty if nothing
   * @param afterEach told after each question whether a broker answered, on a thread of the watch
   */
  public BrokerWatch(
      KafkaConnection kafka,
      String clientId,
      HangingTransactions transactions,
      Supplier<Optional<String>> waitsFor,
      Consumer<Boolean> afterEach) {
    this.kafka = kafka;
    this.clientId = clientId;
    this.transactions = transactions;
    this.waitsFor = waitsFor;
    this.afterEach = afterEach;
    thread.setDaemon(true);
    thread.start();
  }

  /**
   * Returns whether a broker answered the last question. That is at most seven seconds old, unless
   * a hanging transaction is being looked into.
   */
  public boolean answers() {
    return answering;
  }

  /** Returns what the service waits for, and what is in the way of its reading from Kafka. */
  public String waitsFor() {
    return Stream.of(
            waitsFor.get(),
            Optional.of("a broker that answers").filter(any -> !answering),
            transactions.standstill())
        .flatMap(Optional::stream)
        .reduce((one, other) -> one + "; " + other)
        .orElse("nothing");
  }

  /** Returns whether the watch goes on. */
  public boolean isAlive() {
    return thread.isAlive() || closing.getCount() == 0;
  }

  /** Stops asking. */
  @Override
  public void close() throws InterruptedException {
    closing.countDown();
    thread.interrupt();
    thread.join();
  }

  private void watch() {
    try {
      while (closing.getCount() > 0) {
        // Without an address that can be resolved there is no client.
        try (Admin admin = kafka.admin(clientId)) {
          do {
            know(answers(admin));
            if (answering) {
              lookForHangingTransactions(admin);
            }
            speak();
          } while (!closing.await(PERIOD.toMillis(), TimeUnit.MILLISECONDS));
        } catch (InterruptException closed) {
          throw closed;
        } catch (KafkaException noClient) {
          know(false);
          speak();
          closing.await(PERIOD.toMillis(), TimeUnit.MILLISECONDS);
        }
      }
    } catch (InterruptedException | InterruptException closed) {
      Thread.currentThread().interrupt();
    }
  }

  private void lookForHangingTransactions(Admin admin) throws InterruptedException {
    try {
      transactions.look(admin);
    } catch (InterruptException closed) {
      throw closed;
    } catch (RuntimeException failed) {
      // The watch goes on: whether a broker answers has to be known all the same.
      LOG.error("Hanging transactions could not be looked for", failed);
    }
  }

  private void know(boolean now) {
    answering = now;
    afterEach.accept(now);
  }

  private void speak() {
    long now = System.nanoTime();
    if (waitsFor.get().isEmpty()) {
      waitsSince = OptionalLong.empty();
    } else if (waitsSince.isEmpty()) {
      waitsSince = OptionalLong.of(now);
      speaksAt = now + WAIT_SPEAKS.toNanos();
    } else if (now >= speaksAt) {
      LOG.info(
          "Not ready for {} s, waiting for {}",
          Duration.ofNanos(now - waitsSince.getAsLong()).toSeconds(),
          waitsFor());
      speaksAt += WAIT_SPEAKS.toNanos();
    }
  }

  private static boolean answers(Admin admin) throws InterruptedException {
    try {
      admin
          .describeCluster(
              new DescribeClusterOptions().timeoutMs(Math.toIntExact(ANSWER_LIMIT.toMillis())))
          .clusterId()
          .get();
      return true;
    } catch (ExecutionException silent) {
      return false;
    }
  }
}
