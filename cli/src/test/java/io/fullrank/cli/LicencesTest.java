package io.fullrank.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The script that checks what the licences of third-party libraries permit. */
class LicencesTest {

  @TempDir Path folder;

  @Test
  void namesTheLibraryWhoseLicenceIsNotAllowed() throws Exception {
    Path bill =
        bill(
            """
            {"group": "org.example", "name": "free", "version": "1",
             "licenses": [{"license": {"id": "Apache-2.0"}}]},
            {"group": "org.example", "name": "choice", "version": "2",
             "licenses": [{"license": {"id": "GPL-3.0-only"}}, {"license": {"id": "MIT"}}]},
            {"group": "org.example", "name": "copyleft", "version": "3",
             "licenses": [{"license": {"id": "GPL-3.0-only"}}]},
            {"group": "org.example", "name": "silent", "version": "4"}
            """);

    String said = check(bill, 1);

    assertThat(said)
        .contains("org.example:copyleft:3: GPL-3.0-only; allowed are ")
        .contains("org.example:silent:4: no licence is named")
        .doesNotContain("org.example:free", "org.example:choice");
  }

  @Test
  void listsWhatIsPassedOn() throws Exception {
    Path bill =
        bill(
            """
            {"group": "org.example", "name": "choice", "version": "2",
             "licenses": [{"license": {"id": "Apache-2.0"}}, {"license": {"id": "MIT"}}]},
            {"group": "io.fullrank", "name": "network", "version": "1"}
            """);

    assertThat(check(bill, 0))
        .contains("org.example:choice:2   Apache-2.0 or MIT")
        .doesNotContain("io.fullrank:network");
  }

  private Path bill(String components) throws IOException {
    return Files.writeString(
        folder.resolve("bom.json"), "{\"components\": [%s]}".formatted(components));
  }

  private String check(Path bill, int status) throws IOException, InterruptedException {
    Path said = folder.resolve("said");
    Process process =
        new ProcessBuilder("../licences", bill.toString())
            .redirectErrorStream(true)
            .redirectOutput(said.toFile())
            .start();
    assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
    assertThat(process.exitValue()).as(Files.readString(said)).isEqualTo(status);
    return Files.readString(said);
  }
}
