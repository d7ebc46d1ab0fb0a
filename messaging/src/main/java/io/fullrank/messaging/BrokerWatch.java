package io.fullrank.messaging;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.DescribeClusterOptions;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.InterruptException;

/**
 * Asks every two seconds whether a Kafka broker answers, so that a service can say at any time
 * whether it has one now. The question needs no rights but those to connect.
 */
public final class BrokerWatch implements AutoCloseable {

  private static final Duration PERIOD = Duration.ofSeconds(2);
  private static final Duration ANSWER_LIMIT = Duration.ofSeconds(5);

  private final KafkaConnection kafka;
  private final String clientId;
  private final Consumer<Boolean> afterEach;
  private final CountDownLatch closing = new CountDownLatch(1);
  private final Thread thread = new Thread(this::watch, "broker-watch");
  private volatile boolean answering;

  /**
   * Begins to ask.
   *
   * @param clientId of the connection that asks
   * @param afterEach told after each question whether a broker answered, on a thread of the watch
   */
  public BrokerWatch(KafkaConnection kafka, String clientId, Consumer<Boolean> afterEach) {
    this.kafka = kafka;
    this.clientId = clientId;
    this.afterEach = afterEach;
    thread.setDaemon(true);
    thread.start();
  }

  /** Returns whether a broker answered the last question, which is at most seven seconds old. */
  public boolean answers() {
    return answering;
  }

  /** Asks no more. */
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
          } while (!closing.await(PERIOD.toMillis(), TimeUnit.MILLISECONDS));
        } catch (InterruptException closed) {
          throw closed;
        } catch (KafkaException noClient) {
          know(false);
          closing.await(PERIOD.toMillis(), TimeUnit.MILLISECONDS);
        }
      }
    } catch (InterruptedException | InterruptException closed) {
      Thread.currentThread().interrupt();
    }
  }

  private void know(boolean now) {
    answering = now;
    afterEach.accept(now);
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
