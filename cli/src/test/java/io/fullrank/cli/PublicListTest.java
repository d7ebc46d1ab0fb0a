package io.fullrank.cli;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;

@DisabledIfSystemProperty(named = "fullrank.public.renew", matches = "true")
class PublicListTest {

  @TempDir Path folder;

  @Test
  void namesWhatIsGoneAndWhatIsNew() throws IOException {
    PublicList list =
        new PublicList(Files.writeString(folder.resolve("names.txt"), "check --json\nup\n"));
    list.requireEqualTo(List.of("up", "check --json"));

    assertThatThrownBy(() -> list.requireEqualTo(List.of("up", "check --format")))
        .hasMessageContaining("names.txt")
        .hasMessageContaining("\"check --json\"")
        .hasMessageContaining("-Dfullrank.public.renew=true");
    assertThatThrownBy(() -> list.requireEqualTo(List.of("up", "check --json", "doctor")))
        .hasMessageContaining("\"doctor\"");
  }
}
