package io.fullrank.cli.doctor;

import static org.assertj.core.api.Assertions.assertThat;

import io.fullrank.cli.doctor.Finding.Condition;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class MachineTest {

  private static final long GIGABYTE = 1L << 30;

  @TempDir Path folder;

  @ParameterizedTest
  @CsvSource({
    "fpu avx avx2 fma avx512f, OK, 'AVX2, AVX-512'",
    "fpu avx avx2 fma, OK, AVX2",
    "fpu avx   avx2 fma    fpu, OK, AVX2",
    "fpu avx, NOTE, no AVX2"
  })
  void saysWhatTheProcessorCan(String flags, Condition condition, String found) throws IOException {
    Path processors =
        Files.writeString(
            folder.resolve("cpuinfo"),
            "processor\t: 0\nmodel name\t: Some Processor\nflags\t\t: " + flags + "\n");

    Finding finding = new Machine(processors, folder.resolve("none")).processor();

    if (System.getProperty("os.arch").equals("amd64")) {
      assertThat(finding.condition()).isEqualTo(condition);
      assertThat(finding.found()).startsWith("Some Processor, ").endsWith(found);
    } else {
      assertThat(finding.condition()).isEqualTo(Condition.OK);
    }
  }

  @Test
  void seesThatAHeapIsLargerThanTheContainer() {
    Finding blind = Machine.memory(GIGABYTE, 6 * GIGABYTE);

    assertThat(blind.condition()).isEqualTo(Condition.BAD);
    assertThat(blind.advice())
        .hasValueSatisfying(text -> assertThat(text).contains("-XX:MaxRAM=1024m"));
    assertThat(Machine.memory(GIGABYTE, GIGABYTE / 4).condition()).isEqualTo(Condition.NOTE);
    assertThat(Machine.memory(8 * GIGABYTE, 2 * GIGABYTE))
        .isEqualTo(Finding.ok("memory", "8.0 GiB, of which Java's heap may take 2.0 GiB"));
  }

  @Test
  void namesTheCommandThatAllowsMoreFiles() {
    assertThat(Machine.openFiles(1024).sentence()).contains("up to 1024", "ulimit -n 4096");
    assertThat(Machine.openFiles(65536).condition()).isEqualTo(Condition.OK);
  }

  @Test
  void seesThatAFolderForbidsExecution() throws IOException {
    Path inside = Files.createDirectories(folder.resolve("a folder").resolve("inside"));
    Path mounts =
        Files.writeString(
            folder.resolve("mounts"),
            """
            rootfs / ext4 rw,noexec 0 0
            tmpfs %s tmpfs rw,nosuid,noexec,rw 0 0
            tmpfs %s tmpfs rw,nosuid 0 0
            """
                .formatted(
                    inside.getParent().toString().replace(" ", "\\040"),
                    folder.resolve("elsewhere")));

    Finding forbidden = new Machine(mounts, mounts).temporaryFolder(inside);

    assertThat(forbidden.condition()).isEqualTo(Condition.BAD);
    assertThat(forbidden.sentence()).contains(inside + " is mounted noexec", "java.io.tmpdir");
    Files.writeString(mounts, "tmpfs %s tmpfs rw 0 0\n".formatted(folder));
    assertThat(new Machine(mounts, mounts).temporaryFolder(inside).condition())
        .isEqualTo(Condition.OK);
    assertThat(new Machine(mounts, mounts).temporaryFolder(folder.resolve("absent")).condition())
        .isEqualTo(Condition.BAD);
  }

  @Test
  void doubtsAClockThatIsBeforeTheInstallation() {
    Instant made = Instant.parse("2026-11-30T00:00:00Z");

    assertThat(Machine.clock(Instant.parse("1970-01-01T00:00:10Z"), made).sentence())
        .isEqualTo(
            "1970-01-01T00:00:10Z, before this Fullrank was made; set it; certificates and tokens"
                + " are judged by it");
    assertThat(Machine.clock(made, made).condition()).isEqualTo(Condition.OK);
  }
}
