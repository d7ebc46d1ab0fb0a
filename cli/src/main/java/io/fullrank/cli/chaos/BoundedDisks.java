package io.fullrank.cli.chaos;

import io.fullrank.cli.failure.ExecutionFailedException;
import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * Folders each of which is a file system in memory, of a size that can be bounded. Only processes
 * that are started in its namespace see what they hold, which lasts until all of those have ended.
 */
final class BoundedDisks implements AutoCloseable {

  private static final String ROOM = "1g";
  private static final long PAGE = 4096;
  private static final int MOST_ATTEMPTS = 100;
  private static final String HOLD =
      """
      trap '' INT
      for folder; do mount -t tmpfs -o size=%s,mode=700 tmpfs "$folder" || exit 1; done
      echo mounted
      exec cat
      """
          .formatted(ROOM);

  private final Process holder;

  private BoundedDisks(Process holder) {
    this.holder = holder;
  }

  /**
   * Mounts a file system on each of some folders, which are there.
   *
   * @throws IOException if this machine does not let a user do that, saying why
   */
  static BoundedDisks on(List<Path> folders) throws IOException {
    List<String> command =
        new ArrayList<>(
            List.of("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", HOLD, "sh"));
    folders.forEach(folder -> command.add(folder.toString()));
    // Its namespace lasts as long as it does, and it ends with this process.
    Process holder = new ProcessBuilder(command).redirectErrorStream(true).start();
    BufferedReader said = holder.inputReader(StandardCharsets.UTF_8);
    String line = said.readLine();
    if (!"mounted".equals(line)) {
      holder.destroy();
      throw new IOException(line);
    }
    return new BoundedDisks(holder);
  }

  /** Returns the command line that runs a program where the folders are these file systems. */
  List<String> inside(List<String> program) {
    List<String> command =
        new ArrayList<>(
            List.of(
                "nsenter",
                "--target=" + holder.pid(),
                "--user",
                "--mount",
                "--preserve-credentials",
                "--wd"));
    command.addAll(program);
    return command;
  }

  /**
   * Takes all the room that is left on the file system of a folder, but a page if it is empty.
   *
   * @throws ExecutionFailedException if it cannot be filled
   */
  void fill(Path folder) throws IOException, InterruptedException {
    File disk = new File("/proc/" + holder.pid() + "/root" + folder.toAbsolutePath());
    // What is written between the question and the answer makes the bound too small.
    for (int i = 0; i < MOST_ATTEMPTS; i++) {
      long used = disk.getTotalSpace() - disk.getFreeSpace();
      // A size of 0 is none: there is room without end, and a bound cannot be given any more.
      if (resize(folder, Long.toString(Math.max(used, PAGE)))) {
        return;
      }
    }
    throw new ExecutionFailedException("%s could not be filled".formatted(folder));
  }

  /**
   * Gives the file system of a folder room again.
   *
   * @throws ExecutionFailedException if that fails
   */
  void free(Path folder) throws IOException, InterruptedException {
    if (!resize(folder, ROOM)) {
      throw new ExecutionFailedException("%s could not be given room".formatted(folder));
    }
  }

  /** Lets go of the file systems: they are gone once no process uses them. */
  @Override
  public void close() throws IOException, InterruptedException {
    holder.getOutputStream().close();
    if (!holder.waitFor(1, TimeUnit.MINUTES)) {
      holder.destroyForcibly();
    }
  }

  private boolean resize(Path folder, String size) throws IOException, InterruptedException {
    return new ProcessBuilder(
                inside(List.of("mount", "-o", "remount,size=" + size, folder.toString())))
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .start()
            .waitFor()
        == 0;
  }
}
