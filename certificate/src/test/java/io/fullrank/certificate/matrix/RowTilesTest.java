package io.fullrank.certificate.matrix;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.fullrank.certificate.result.CertificationCancelledException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RowTilesTest {

  @ParameterizedTest
  @CsvSource({"1,1,64", "1,300,64", "2,64,64", "2,65,64", "3,1000,7", "8,20,4"})
  void everyRowIsProcessedOnceByThePartThatItBelongsTo(int threads, int rows, int tileRows) {
    AtomicIntegerArray visits = new AtomicIntegerArray(rows);
    int parts = Math.min(threads, (rows + tileRows - 1) / tileRows);
    RowTiles.forEach(
        threads,
        rows,
        tileRows,
        (part, from, to) -> {
          assertThat(part).isEqualTo(from / tileRows % parts);
          for (int i = from; i < to; i++) {
            visits.incrementAndGet(i);
          }
        });
    for (int i = 0; i < rows; i++) {
      assertThat(visits.get(i)).isEqualTo(1);
    }
  }

  @Test
  void whatATaskThrowsIsThrownWhenAllThreadsHaveStopped() {
    // The second tile throws while the first is processed, which ends only after that.
    CountDownLatch started = new CountDownLatch(1);
    CountDownLatch thrown = new CountDownLatch(1);
    AtomicIntegerArray ended = new AtomicIntegerArray(4);
    assertThatThrownBy(
            () ->
                RowTiles.forEach(
                    2,
                    4,
                    1,
                    (part, from, to) -> {
                      if (from == 1) {
                        await(started);
                        thrown.countDown();
                        throw new CertificationCancelledException();
                      }
                      started.countDown();
                      await(thrown);
                      ended.set(from, 1);
                    }))
        .isInstanceOf(CertificationCancelledException.class);
    assertThat(ended.get(0)).isEqualTo(1);
    assertThat(ended.get(3)).isZero();
  }

  private static void await(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }
}
