package io.fullrank.network.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
class CrewTest {

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 3})
  void doesEveryPartOfEveryTaskOnce(int helpers) {
    Crew crew = new Crew(helpers);
    for (int task = 0; task < 10_000; task++) {
      AtomicIntegerArray times = new AtomicIntegerArray(7);

      crew.forEach(7, times::incrementAndGet);

      for (int part = 0; part < 7; part++) {
        assertThat(times.get(part)).isEqualTo(1);
      }
    }
  }

  /** Both parts wait for each other: so two threads must be at work. */
  @Test
  void helpersWorkAtTheSameTime() {
    Crew crew = new Crew(1);
    CountDownLatch both = new CountDownLatch(2);

    crew.forEach(
        2,
        part -> {
          both.countDown();
          await(both);
        });

    assertThat(both.getCount()).isZero();
  }

  @Test
  void helpersWakeAfterAPause() throws InterruptedException {
    Crew crew = new Crew(1);
    for (int task = 0; task < 20; task++) {
      CountDownLatch both = new CountDownLatch(2);
      crew.forEach(
          2,
          part -> {
            both.countDown();
            await(both);
          });
      // Longer than a helper stays awake.
      new CountDownLatch(1).await(2, TimeUnit.MILLISECONDS);
    }
  }

  @Test
  void aTaskWithinATaskIsDoneByItsCaller() {
    Crew crew = new Crew(2);
    Set<String> mixed = ConcurrentHashMap.newKeySet();

    crew.forEach(
        4,
        part -> {
          Thread caller = Thread.currentThread();
          crew.forEach(
              5,
              inner -> {
                if (Thread.currentThread() != caller) {
                  mixed.add(part + "." + inner);
                }
              });
        });

    assertThat(mixed).isEmpty();
  }

  @Test
  void aFailureReachesTheCallerOnceAllPartsAreDone() {
    Crew crew = new Crew(1);
    AtomicIntegerArray times = new AtomicIntegerArray(6);

    assertThatThrownBy(
            () ->
                crew.forEach(
                    6,
                    part -> {
                      times.incrementAndGet(part);
                      if (part == 2) {
                        throw new IllegalStateException("part 2");
                      }
                    }))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("part 2");
    for (int part = 0; part < 6; part++) {
      assertThat(times.get(part)).isEqualTo(1);
    }

    AtomicIntegerArray next = new AtomicIntegerArray(6);
    crew.forEach(6, next::incrementAndGet);
    assertThat(next.get(5)).isEqualTo(1);
  }

  private static void await(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }
}
