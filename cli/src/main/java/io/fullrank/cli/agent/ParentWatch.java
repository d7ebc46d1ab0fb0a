package io.fullrank.cli.agent;

import java.io.IOException;

/**
 * A Java agent for a process that must not outlive its parent. The parent holds the other end of
 * the standard input; when the parent is gone, however it died, this process ends too.
 */
public final class ParentWatch {

  private static final long SHUTDOWN_LIMIT_MILLIS = 15_000;
  private static final int STATUS = 143;

  private ParentWatch() {}

  /**
   * Starts to watch, before the program's own {@code main}.
   *
   * @param arguments none are used
   */
  public static void premain(String arguments) {
    Thread watch = new Thread(ParentWatch::endWithParent, "parent-watch");
    watch.setDaemon(true);
    watch.start();
  }

  private static void endWithParent() {
    try {
      while (System.in.read() >= 0) {
        // Nothing is ever sent.
      }
    } catch (IOException closed) {
      System.err.println("standard input failed: " + closed.getMessage());
    }
    // First an orderly end, within a limit: the parent that could kill a process that hangs is
    // gone.
    Thread exit = new Thread(() -> System.exit(STATUS), "exit-with-parent");
    exit.setDaemon(true);
    exit.start();
    try {
      exit.join(SHUTDOWN_LIMIT_MILLIS);
    } catch (InterruptedException stopped) {
      Thread.currentThread().interrupt();
    }
    Runtime.getRuntime().halt(STATUS);
  }
}
