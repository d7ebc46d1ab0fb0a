package io.fullrank.certificate.matrix;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PhysicalMemoryTest {

  @TempDir Path controlGroups;

  @ParameterizedTest
  @CsvSource({"memory.max", "memory/memory.limit_in_bytes"})
  void isWhatTheContainerMayUse(String limit) throws IOException {
    write(limit, "268435456\n");

    assertThat(PhysicalMemory.bytes(controlGroups)).isEqualTo(256 << 20);
  }

  @ParameterizedTest
  @CsvSource({
    "memory.max, max",
    "memory.max, ''",
    // What version 1 calls no limit: more than any machine has.
    "memory/memory.limit_in_bytes, 9223372036854771712",
    "memory.max, 18446744073709551615",
    "absent, 1"
  })
  void isTheMachinesWithoutALimit(String file, String limit) throws IOException {
    long machine = PhysicalMemory.bytes(controlGroups);
    assertThat(machine).isGreaterThan(256 << 20);
    write(file, limit + "\n");

    assertThat(PhysicalMemory.bytes(controlGroups)).isEqualTo(machine);
  }

  @Test
  void isNeverMoreThanTheVirtualMachineSees() {
    assertThat(NativeBytes.fit(PhysicalMemory.bytes())).isTrue();
    assertThat(PhysicalMemory.bytes()).isLessThanOrEqualTo(PhysicalMemory.bytes(controlGroups));
  }

  private void write(String file, String content) throws IOException {
    Path path = controlGroups.resolve(file);
    Files.createDirectories(path.getParent());
    Files.writeString(path, content);
  }
}
