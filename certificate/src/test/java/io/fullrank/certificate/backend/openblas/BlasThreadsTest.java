package io.fullrank.certificate.backend.openblas;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.bytedeco.openblas.global.openblas.blas_get_num_threads;

import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.result.Cancellation;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class BlasThreadsTest {

  private final BlasThreads threads = BlasThreads.ofProcess();

  @BeforeEach
  void beginWithTwoThreads() {
    multiplyOnTwoThreads();
    assertThat(blas_get_num_threads()).isEqualTo(2);
  }

  @Test
  void singleThreadedWorkGivesBackTheNumberThatThereWas() {
    int during = threads.onOneThread(() -> threads.onOneThread(() -> 0) + blas_get_num_threads());
    assertThat(during).isEqualTo(1);
    assertThat(blas_get_num_threads()).isEqualTo(2);
  }

  @Test
  void singleThreadedWorkThatFailsGivesItBackToo() {
    assertThatThrownBy(
            () ->
                threads.onOneThread(
                    () -> {
                      throw new IllegalStateException("the work failed");
                    }))
        .hasMessage("the work failed");
    assertThat(blas_get_num_threads()).isEqualTo(2);
  }

  @Test
  void exclusiveWorkDoesNotTakeTheOneThreadFromSingleThreadedWork() {
    int after =
        threads.onOneThread(
            () -> {
              CompletableFuture.runAsync(BlasThreadsTest::multiplyOnTwoThreads).join();
              return blas_get_num_threads();
            });
    assertThat(after).isEqualTo(1);
    assertThat(blas_get_num_threads()).isEqualTo(2);
  }

  @Test
  void thereIsOneThreadUntilTheLastSingleThreadedWorkEnds() {
    CountDownLatch begun = new CountDownLatch(1);
    CountDownLatch end = new CountDownLatch(1);
    CompletableFuture<Integer> other =
        CompletableFuture.supplyAsync(
            () ->
                threads.onOneThread(
                    () -> {
                      begun.countDown();
                      await(end);
                      return blas_get_num_threads();
                    }));
    threads.onOneThread(
        () -> {
          await(begun);
          return begun;
        });
    assertThat(blas_get_num_threads()).isEqualTo(1);
    end.countDown();
    assertThat(other.join()).isEqualTo(1);
    assertThat(blas_get_num_threads()).isEqualTo(2);
  }

  private static void await(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException interrupted) {
      throw new IllegalStateException(interrupted);
    }
  }

  private static void multiplyOnTwoThreads() {
    try (Matrix matrix = Matrix.of(new double[][] {{1, 2}})) {
      new OpenBlas(2).gram(matrix, new int[1], Cancellation.NEVER).close();
    }
  }
}
