package io.fullrank.cli.doctor;

import com.sun.management.UnixOperatingSystemMXBean;
import io.fullrank.certificate.matrix.PhysicalMemory;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The machine or container that this process runs in, as Linux describes it in files.
 *
 * @param processors {@code /proc/cpuinfo}
 * @param mounts {@code /proc/self/mounts}
 */
record Machine(Path processors, Path mounts) {

  /** Java's heap and the matrices of a small stack. */
  private static final long SMALL_MEMORY = 2L << 30;

  /** A broker and RocksDB keep hundreds of files open, and a client of theirs the connections. */
  private static final long FEW_FILES = 4096;

  /** Returns the machine of this process. */
  static Machine own() {
    return new Machine(Path.of("/proc/cpuinfo"), Path.of("/proc/self/mounts"));
  }

  /** Returns which processor this is, and whether it has the instructions that products need. */
  Finding processor() {
    String architecture = System.getProperty("os.arch");
    List<String> lines = lines(processors);
    String model =
        value(lines, "model name") + ", " + count(Runtime.getRuntime().availableProcessors());
    if (!architecture.equals("amd64")) {
      return Finding.ok("processor", architecture + ", " + model);
    }
    // Kernels leave gaps where a flag has no name.
    Set<String> flags = Set.copyOf(List.of(value(lines, "flags").split(" +")));
    List<String> present = new ArrayList<>();
    if (flags.contains("avx2")) {
      present.add("AVX2");
    }
    if (flags.contains("avx512f")) {
      present.add("AVX-512");
    }
    return present.contains("AVX2")
        ? Finding.ok("processor", model + ", " + String.join(", ", present))
        : Finding.note(
            "processor",
            model + ", no AVX2",
            "certificates take several times as long as they need; take a processor with AVX2");
  }

  /** Returns how much memory there is, within the limit of a container if there is one. */
  static Finding memory() {
    return memory(PhysicalMemory.bytes(), Runtime.getRuntime().maxMemory());
  }

  static Finding memory(long bytes, long heap) {
    String found =
        "%s, of which Java's heap may take %s".formatted(gigabytes(bytes), gigabytes(heap));
    if (heap > bytes / 10 * 9) {
      return Finding.bad(
          "memory",
          found,
          "Java does not see the container's limit; set JAVA_TOOL_OPTIONS=-XX:MaxRAM="
              + (bytes >> 20)
              + "m");
    }
    return bytes < SMALL_MEMORY
        ? Finding.note("memory", found, "a stack wants 2 GiB; give the container more")
        : Finding.ok("memory", found);
  }

  /** Returns how many files a process may have open. */
  static Finding openFiles() {
    if (!(ManagementFactory.getOperatingSystemMXBean()
        instanceof UnixOperatingSystemMXBean system)) {
      return Finding.ok("open files", "no limit is known");
    }
    return openFiles(system.getMaxFileDescriptorCount());
  }

  static Finding openFiles(long limit) {
    String found = "up to " + limit;
    return limit < FEW_FILES
        ? Finding.note(
            "open files",
            found,
            "the broker and the metrics service may need more; 'ulimit -n " + FEW_FILES + "'")
        : Finding.ok("open files", found);
  }

  /**
   * Returns whether native libraries can be unpacked into a folder and run from there.
   *
   * @param folder {@code java.io.tmpdir}
   */
  Finding temporaryFolder(Path folder) {
    String subject = "temporary files";
    String elsewhere = "set JAVA_TOOL_OPTIONS=-Djava.io.tmpdir=DIR with a folder that ";
    try {
      Files.delete(Files.createTempFile(folder, "fullrank", null));
    } catch (IOException refused) {
      return Finding.bad(
          subject, folder + " cannot be written to", elsewhere + "this user may write to");
    }
    return mountOptions(folder).contains("noexec")
        ? Finding.bad(
            subject,
            folder + " is mounted noexec, so native libraries cannot be loaded from there",
            "mount it with exec, or " + elsewhere + "allows execution")
        : Finding.ok(subject, folder + " can be written to and allows execution");
  }

  // The mount point nearest to the folder; of two at the same place the later one hides the other.
  private Set<String> mountOptions(Path folder) {
    Path absolute = folder.toAbsolutePath().normalize();
    Set<String> options = Set.of();
    int depth = -1;
    for (String line : lines(mounts)) {
      String[] fields = line.split(" ");
      if (fields.length < 4) {
        continue;
      }
      // Blanks in paths are written in octal.
      Path point = Path.of(fields[1].replace("\\040", " "));
      if (absolute.startsWith(point) && point.getNameCount() >= depth) {
        depth = point.getNameCount();
        options = Set.copyOf(List.of(fields[3].split(",")));
      }
    }
    return options;
  }

  /**
   * Returns whether the time can be right.
   *
   * @param installed when the newest part of the installation was made
   */
  static Finding clock(Instant now, Instant installed) {
    String found = now.truncatedTo(ChronoUnit.SECONDS).toString();
    return now.isBefore(installed)
        ? Finding.bad(
            "clock",
            found + ", before this Fullrank was made",
            "set it; certificates and tokens are judged by it")
        : Finding.ok("clock", found);
  }

  private static String value(List<String> lines, String key) {
    return lines.stream()
        .filter(line -> line.startsWith(key))
        .map(line -> line.substring(line.indexOf(':') + 1).strip())
        .findFirst()
        .orElse("unknown model");
  }

  // Other systems have no such files.
  private static List<String> lines(Path file) {
    try (Stream<String> lines = Files.lines(file)) {
      return lines.collect(Collectors.toList());
    } catch (IOException elsewhere) {
      return List.of();
    }
  }

  private static String count(int processors) {
    return processors + (processors == 1 ? " processor" : " processors");
  }

  private static String gigabytes(long bytes) {
    return String.format(Locale.ROOT, "%.1f GiB", (double) bytes / (1L << 30));
  }
}
