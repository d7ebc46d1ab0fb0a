package io.fullrank.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.Test;

public class PublicApiTest {

  @Test
  void listsWhatOthersCanUse() {
    assertThat(PublicApi.ofType(Open.class))
        .containsExactly(
            "io.fullrank.cli.PublicApiTest$Open: protected void changed(int)",
            "io.fullrank.cli.PublicApiTest$Open: public abstract static class"
                + " is java.lang.AutoCloseable",
            "io.fullrank.cli.PublicApiTest$Open: public"
                + " io.fullrank.cli.PublicApiTest$Open(java.util.List<java.lang.String>)"
                + " throws java.io.IOException",
            "io.fullrank.cli.PublicApiTest$Open: public static final int LIMIT");
  }

  @Test
  void saysInWhichOrderARecordTakesItsComponents() {
    assertThat(PublicApi.ofType(Pair.class))
        .contains(
            "io.fullrank.cli.PublicApiTest$Pair: public static final record(double first, double second)");
  }

  @Test
  void leavesOutWhatIsClosed() {
    assertThat(PublicApi.ofType(Closed.class)).isEmpty();
    assertThat(PublicApi.ofType(Closed.Inner.class)).isEmpty();
  }

  public abstract static class Open implements AutoCloseable {

    public static final int LIMIT = 1;
    static final int OWN = 2;

    public Open(List<String> names) throws IOException {
      if (names.size() > LIMIT + OWN) {
        throw new IOException("too many");
      }
    }

    protected synchronized void changed(int by) {}

    void own() {}

    @Override
    public String toString() {
      return "";
    }
  }

  public record Pair(double first, double second) {}

  static final class Closed {
    public static final class Inner {}
  }
}
