package io.fullrank.cli.chaos;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BoundedDisksTest {

  @TempDir Path folder;

  @Test
  void takeNothingWhileTheyAreFullAndLoseNothing() throws Exception {
    Path disk = Files.createDirectory(folder.resolve("disk"));
    Path other = Files.createDirectory(folder.resolve("other"));
    try (BoundedDisks disks = openOrSkip(List.of(disk, other))) {
      assertThat(write(disks, disk.resolve("first"))).isTrue();

      disks.fill(disk);
      assertThat(write(disks, disk.resolve("second"))).isFalse();
      assertThat(write(disks, other.resolve("elsewhere"))).isTrue();

      disks.free(disk);
      assertThat(write(disks, disk.resolve("second"))).isTrue();
      assertThat(succeeds(disks, "test", "-s", disk.resolve("first").toString())).isTrue();
    }
    assertThat(disk).isEmptyDirectory();
  }

  @Test
  void canBeFilledAndFreedAgainWhileTheyAreEmpty() throws Exception {
    Path disk = Files.createDirectory(folder.resolve("disk"));
    try (BoundedDisks disks = openOrSkip(List.of(disk))) {
      disks.fill(disk);
      assertThat(write(disks, disk.resolve("file"))).isFalse();

      disks.free(disk);
      assertThat(write(disks, disk.resolve("file"))).isTrue();
    }
  }

  // A container or a hardened kernel may refuse namespaces; then a campaign leaves the fault out.
  private static BoundedDisks openOrSkip(List<Path> folders) {
    try {
      return BoundedDisks.on(folders);
    } catch (IOException refused) {
      assumeTrue(false, refused.getMessage());
      throw new AssertionError(refused);
    }
  }

  private static boolean write(BoundedDisks disks, Path file) throws Exception {
    return succeeds(disks, "sh", "-c", "exec head -c 10000 /dev/zero >\"$0\"", file.toString());
  }

  private static boolean succeeds(BoundedDisks disks, String... program) throws Exception {
    return new ProcessBuilder(disks.inside(List.of(program)))
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .start()
            .waitFor()
        == 0;
  }
}
