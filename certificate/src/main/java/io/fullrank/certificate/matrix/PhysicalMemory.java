package io.fullrank.certificate.matrix;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalLong;

/**
 * The memory that this process may use: that of the machine, or less where a container has a limit.
 * Virtual machines look for the limit, too, but several versions do not find one on kernels without
 * control groups of version 1, and take the whole machine for theirs.
 */
public final class PhysicalMemory {

  /** A control group's limit in bytes, or "max": of version 2 and of version 1. */
  private static final List<String> LIMITS = List.of("memory.max", "memory/memory.limit_in_bytes");

  /** Read once: each small matrix asks, and the files took more time than its certificate. */
  private static final long BYTES = bytes(Path.of("/sys/fs/cgroup"));

  private PhysicalMemory() {}

  /** Returns the memory in bytes, as it was when this was first asked. */
  public static long bytes() {
    return BYTES;
  }

  /**
   * Returns the memory in bytes.
   *
   * @param controlGroups where the process's own control group is, as in containers
   */
  static long bytes(Path controlGroups) {
    long bytes =
        ManagementFactory.getOperatingSystemMXBean()
                instanceof com.sun.management.OperatingSystemMXBean system
            ? system.getTotalMemorySize()
            : Long.MAX_VALUE;
    for (String limit : LIMITS) {
      bytes = Math.min(bytes, limit(controlGroups.resolve(limit)).orElse(Long.MAX_VALUE));
    }
    return bytes;
  }

  private static OptionalLong limit(Path file) {
    try {
      String limit = Files.readString(file).strip();
      return limit.equals("max") ? OptionalLong.empty() : OptionalLong.of(Long.parseLong(limit));
    } catch (IOException | NumberFormatException none) {
      // Other systems have no such file, and processes outside of containers may not have one.
      return OptionalLong.empty();
    }
  }
}
