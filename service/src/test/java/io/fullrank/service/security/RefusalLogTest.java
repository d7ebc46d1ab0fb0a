package io.fullrank.service.security;

import static org.assertj.core.api.Assertions.assertThat;

import io.grpc.Status;
import io.netty.channel.embedded.EmbeddedChannel;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class RefusalLogTest {

  private final Logger logger = Logger.getLogger(RefusalLog.class.getName());
  private final List<String> lines = new ArrayList<>();
  private final Handler handler =
      new Handler() {
        @Override
        public void publish(LogRecord line) {
          lines.add(
              line instanceof org.jboss.logmanager.ExtLogRecord record
                  ? record.getFormattedMessage()
                  : String.format(line.getMessage(), line.getParameters()));
        }

        @Override
        public void flush() {}

        @Override
        public void close() {}
      };
  private final EmbeddedChannel clock = new EmbeddedChannel();
  private final RefusalLog log = new RefusalLog(clock.eventLoop());

  @BeforeEach
  void listen() {
    logger.addHandler(handler);
    logger.setUseParentHandlers(false);
  }

  @AfterEach
  void stopListening() {
    logger.removeHandler(handler);
    logger.setUseParentHandlers(true);
    clock.close();
  }

  @Test
  void tellsEachOfSomeAndCountsAFlood() {
    for (int call = 0; call < 5000; call++) {
      refuse("10.0.0.7");
    }
    refuse("10.0.0.8");
    assertThat(lines).hasSize(61);
    assertThat(lines.get(0))
        .isEqualTo("Refused a.Service/Call from /10.0.0.7:51000: UNAUTHENTICATED, no token");
    assertThat(lines.get(60)).contains("10.0.0.8");

    lines.clear();
    pass(59);
    assertThat(lines).isEmpty();
    pass(1);
    assertThat(lines).containsExactly("Refused 4940 more calls in the last minute from 10.0.0.7");

    lines.clear();
    refuse("10.0.0.7");
    pass(60);
    assertThat(lines).hasSize(1);
  }

  @Test
  void isNotFloodedFromManyHosts() {
    for (int host = 0; host < 20_000; host++) {
      refuse("10.1.%d.%d".formatted(host / 250, host % 250));
    }

    assertThat(lines).hasSize(160);
    lines.clear();
    pass(60);
    assertThat(lines)
        .containsExactly("Refused 19840 more calls in the last minute from other places");
  }

  @Test
  void shortensWhatCallersChoose() {
    log.refused(
        "GET /" + "x".repeat(100_000),
        "/10.0.0.7:51000",
        "10.0.0.7",
        Status.PERMISSION_DENIED.withDescription("y".repeat(100_000) + " is not reader"));

    assertThat(lines).singleElement().asString().hasSizeLessThan(700);
  }

  private void refuse(String host) {
    log.refused(
        "a.Service/Call",
        "/" + host + ":51000",
        host,
        Status.UNAUTHENTICATED.withDescription("no token"));
  }

  private void pass(long seconds) {
    clock.advanceTimeBy(seconds, TimeUnit.SECONDS);
    clock.runScheduledPendingTasks();
  }
}
