package io.fullrank.metrics.watch;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class OpenWatchesTest {

  private final OpenWatches watches = new OpenWatches(3);

  @Test
  void refusesOneCallerAndNoOther() {
    List<Runnable> ends = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      ends.add(watches.open("greedy"));
    }

    assertThatThrownBy(() -> watches.open("greedy"))
        .hasMessage(
            "RESOURCE_EXHAUSTED: 3 watches of this caller are open; the server's"
                + " fullrank.metrics.max-watches sets the limit");
    ends.add(watches.open("modest"));

    ends.get(1).run();
    ends.add(watches.open("greedy"));
    assertThatThrownBy(() -> watches.open("greedy")).hasMessageContaining("3 watches");
  }
}
