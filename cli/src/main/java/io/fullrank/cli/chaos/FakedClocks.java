package io.fullrank.cli.chaos;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Clocks of processes, each of which can be set apart from that of the machine, by a library that
 * stands between a process and the system's clock: libfaketime.
 */
final class FakedClocks {

  private static final List<Path> FOLDERS =
      List.of(Path.of("/usr/lib"), Path.of("/usr/lib64"), Path.of("/usr/local/lib"));
  private static final Path LIBRARY = Path.of("faketime", "libfaketimeMT.so.1");
  // How far from that of the machine: far beyond all sessions of Kafka's groups.
  private static final Duration OFFSET = Duration.ofMinutes(1);

  private final Path library;
  private final Path folder;

  private FakedClocks(Path library, Path folder) {
    this.library = library;
    this.folder = folder;
  }

  /**
   * Looks for the library where Linux distributions put it.
   *
   * @param folder where the files lie that the clocks are set by
   * @return nothing if this machine does not have it
   */
  static Optional<FakedClocks> in(Path folder) throws IOException {
    for (Path libraries : FOLDERS) {
      if (Files.isDirectory(libraries)) {
        // Debian has a folder for each kind of machine in between.
        try (Stream<Path> nested = Files.list(libraries)) {
          Optional<Path> found =
              Stream.concat(Stream.of(libraries), nested)
                  .map(each -> each.resolve(LIBRARY))
                  .filter(Files::isRegularFile)
                  .findFirst();
          if (found.isPresent()) {
            return Optional.of(new FakedClocks(found.get(), folder));
          }
        }
      }
    }
    return Optional.empty();
  }

  /** Returns the command line that runs a program with the clock of that name. */
  List<String> with(String name, List<String> program) {
    List<String> command =
        new ArrayList<>(
            List.of(
                "env",
                "LD_PRELOAD=" + library,
                "FAKETIME_TIMESTAMP_FILE=" + file(name),
                // Seconds until the file is looked at again.
                "FAKETIME_CACHE_DURATION=1",
                // Otherwise waits of Java virtual machines take too long, and all of a core.
                "FAKETIME_FORCE_MONOTONIC_FIX=0",
                // As when a machine's clock is set: what measures durations is not concerned.
                "FAKETIME_DONT_FAKE_MONOTONIC=1"));
    command.addAll(program);
    return command;
  }

  /** Sets a clock ahead of that of the machine. */
  void ahead(String name) throws IOException {
    set(name, "+" + OFFSET.toSeconds());
  }

  /** Sets a clock back behind that of the machine. */
  void back(String name) throws IOException {
    set(name, "-" + OFFSET.toSeconds());
  }

  /** Sets a clock as that of the machine is. */
  void restore(String name) throws IOException {
    set(name, "+0");
  }

  // Whole at once: it may be looked at at any moment.
  private void set(String name, String offset) throws IOException {
    Path next = folder.resolve(name + ".clock.next");
    Files.writeString(next, offset + "\n");
    Files.move(next, file(name), StandardCopyOption.ATOMIC_MOVE);
  }

  private Path file(String name) {
    return folder.resolve(name + ".clock");
  }
}
