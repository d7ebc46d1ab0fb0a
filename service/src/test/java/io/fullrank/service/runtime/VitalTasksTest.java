package io.fullrank.service.runtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class VitalTasksTest {

  private final VitalTasks tasks = new VitalTasks("the test");

  @Test
  void livesWhileItsTasksEndAsTheyShould() throws Exception {
    Thread thread = new Thread(tasks.guard(() -> {}));
    thread.start();
    thread.join();

    assertThat(tasks.isAlive()).isTrue();
  }

  @Test
  void noticesThatAThreadEndsByAnError() throws Exception {
    CompletableFuture<Throwable> ended = new CompletableFuture<>();
    Thread thread =
        new Thread(
            tasks.guard(
                () -> {
                  throw new StackOverflowError();
                }));
    thread.setUncaughtExceptionHandler((any, failure) -> ended.complete(failure));
    thread.start();

    assertThat(ended.get()).isInstanceOf(StackOverflowError.class);
    assertThat(tasks.isAlive()).isFalse();
  }

  @Test
  void noticesThatAnExecutorDoesNotRepeatATask() {
    ScheduledExecutorService executor = Executors.newSingleThreadScheduledExecutor();
    try {
      Future<?> repeated =
          executor.scheduleWithFixedDelay(
              tasks.guard(
                  () -> {
                    throw new IllegalStateException("once");
                  }),
              0,
              1,
              TimeUnit.HOURS);

      assertThatThrownBy(repeated::get).isInstanceOf(ExecutionException.class);
      assertThat(tasks.isAlive()).isFalse();
    } finally {
      executor.shutdownNow();
    }
  }
}
