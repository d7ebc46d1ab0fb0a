package io.fullrank.cli.stack;

import io.fullrank.cli.failure.BadInputException;
import io.fullrank.cli.terminal.Environment;
import java.io.PrintStream;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.Optional;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The options of commands that start a stack. */
public final class StackOptions {

  @Option(
      names = "--data",
      paramLabel = "DIR",
      description = "Folder that holds one folder per data set (default: data).")
  private Path data;

  @Option(
      names = "--work",
      paramLabel = "DIR",
      description =
          "Folder for logs and the broker's data; data that 'up' has left there is taken up, and kept"
              + " (default: a new temporary one).")
  private Path work;

  @Mixin private PortOptions ports;

  public PortOptions ports() {
    return ports;
  }

  public Optional<Path> data() {
    return Optional.ofNullable(data);
  }

  public Optional<Path> work() {
    return Optional.ofNullable(work);
  }

  /**
   * Returns what these options ask for.
   *
   * @param keepBroker whether the broker's data is kept in the work folder, if one was given; what
   *     it held before is kept anyway
   * @throws BadInputException if the data folder does not exist
   */
  public StackSettings settings(boolean keepBroker) {
    return new StackSettings(ports.toListenOn(), data(), work(), keepBroker && work != null);
  }

  /**
   * Starts a stack and says where its logs are.
   *
   * @throws BadInputException before anything is said or started, if a port is taken
   */
  public static Stack start(Environment environment, StackSettings settings)
      throws InterruptedException {
    environment.installation().requireComplete();
    settings.ports().requireFree();
    PrintStream out = environment.out();
    out.println("Starting a Kafka broker and the three services…");
    long begin = System.nanoTime();
    Stack stack = Stack.start(environment.installation(), settings);
    out.printf(
        Locale.ROOT,
        "Ready after %.1f s; logs are in %s%n",
        Duration.ofNanos(System.nanoTime() - begin).toMillis() / 1e3,
        stack.work());
    return stack;
  }
}
