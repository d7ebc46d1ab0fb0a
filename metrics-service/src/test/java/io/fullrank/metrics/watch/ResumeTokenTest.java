package io.fullrank.metrics.watch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.grpc.StatusRuntimeException;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

class ResumeTokenTest {

  @Test
  void aTokenComesBackWithAllThatItWasMadeOf() {
    for (int runs : new int[] {1, 2, 3, 15, 16, 17, 2000, 100_000}) {
      List<Long> states = LongStream.range(-runs / 2, runs - runs / 2).boxed().toList();
      assertThat(ResumeToken.states(ResumeToken.of(states), runs)).isEqualTo(Set.copyOf(states));
    }
  }

  @Test
  void aTokenOfMoreRunsThanTheWatcherFollowsIsRefused() {
    String token = ResumeToken.of(IntStream.range(0, 100).mapToObj(Long::valueOf).toList());
    assertThat(ResumeToken.states(token, 100)).hasSize(100);
    assertThatThrownBy(() -> ResumeToken.states(token, 90))
        .isInstanceOf(StatusRuntimeException.class)
        .hasMessage(
            "INVALID_ARGUMENT: resume_token: 1071 characters, a token of 90 runs has at most 1006;"
                + " leave it empty to begin anew");
    assertThatThrownBy(() -> RunsWatch.ofRun("r", "A".repeat(4 << 20), null, null))
        .hasMessageStartingWith(
            "INVALID_ARGUMENT: resume_token: 4194304 characters, a token of 1 run has at most 27;");
  }

  @Test
  void aTextThatIsNoTokenTellsNothing() {
    assertThat(ResumeToken.states("", 1)).isEmpty();
    assertThat(ResumeToken.states("anything", 1)).isEmpty();
    assertThat(ResumeToken.states("not base 64!", 1)).isEmpty();
  }
}
