package io.fullrank.cli.stack;

import io.fullrank.cli.installation.Installation;
import io.fullrank.cli.installation.Service;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** The command line of a service that ends with the process that starts it. */
public final class ServiceCommand {

  private ServiceCommand() {}

  /**
   * Returns program and arguments.
   *
   * @param options of the Java virtual machine, its largest heap among them
   * @param configuration values by key of the service's configuration
   */
  public static List<String> of(
      Service service,
      Installation installation,
      List<String> options,
      Map<String, String> configuration) {
    List<String> command = new ArrayList<>();
    command.add(java());
    command.addAll(options);
    command.add("-XX:+ExitOnOutOfMemoryError");
    // Native libraries are loaded by ND4J, JavaCPP and Netty; newer JDKs want to be told.
    if (Runtime.version().feature() >= 22) {
      command.add("--enable-native-access=ALL-UNNAMED");
    }
    if (Runtime.version().feature() >= 23) {
      command.add("--sun-misc-unsafe-memory-access=allow");
    }
    // Matrices live outside the heap, and JavaCPP would refuse more of them than twice the heap.
    command.add("-Dorg.bytedeco.javacpp.maxphysicalbytes=0");
    command.add("-javaagent:" + installation.parentWatch());
    configuration.forEach((key, value) -> command.add("-D" + key + "=" + value));
    command.add("-jar");
    command.add(installation.services().get(service).toString());
    return command;
  }

  /** Returns the program that runs Java: that of this process. */
  public static String java() {
    return Path.of(System.getProperty("java.home"), "bin", "java").toString();
  }

  /** Returns the environment in which native linear algebra takes at most that many threads. */
  public static Map<String, String> nativeThreads(int threads) {
    String number = Integer.toString(threads);
    return Map.of("OMP_NUM_THREADS", number, "OPENBLAS_NUM_THREADS", number);
  }
}
