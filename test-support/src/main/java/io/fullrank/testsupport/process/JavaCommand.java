package io.fullrank.testsupport.process;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * A Java program to be started in a process of its own. Its JVM is a small one that starts quickly:
 * serial collector, no optimising compiler, a heap of 256 MiB, one thread for native algebra.
 *
 * @param options options of the JVM, in addition to these or instead of them
 * @param program what follows the options: the main class or jar, and arguments
 * @param environment variables in addition to this process's own
 */
public record JavaCommand(
    List<String> options, List<String> program, Map<String, String> environment) {

  private static final List<String> SMALL =
      List.of(
          "-Xmx256m",
          "-XX:+UseSerialGC",
          "-XX:TieredStopAtLevel=1",
          // Native memory is not bounded by the heap.
          "-Dorg.bytedeco.javacpp.maxphysicalbytes=0");

  /** Copies its arguments. */
  public JavaCommand {
    options = List.copyOf(options);
    program = List.copyOf(program);
    environment = Map.copyOf(environment);
  }

  /** Returns the command of a class on this process's class path. */
  public static JavaCommand main(Class<?> main, String... arguments) {
    return main(System.getProperty("java.class.path"), main.getName(), arguments);
  }

  /** Returns the command of a class on a class path of its own. */
  public static JavaCommand main(String classPath, String main, String... arguments) {
    List<String> program = new ArrayList<>(List.of("-cp", classPath, main));
    program.addAll(List.of(arguments));
    return new JavaCommand(SMALL, program, oneThread());
  }

  /**
   * Returns the command of a packaged service, for tests that run in the folder of a room.
   *
   * @param room the service's own room, such as {@code trainer-service}
   */
  public static JavaCommand service(String room) {
    Path jar = Path.of("..", room, "target", "quarkus-app", "quarkus-run.jar");
    return new JavaCommand(
        SMALL, List.of("-jar", jar.toAbsolutePath().normalize().toString()), oneThread());
  }

  /** Returns this command with further options of the JVM, which override those before them. */
  public JavaCommand with(String... further) {
    List<String> all = new ArrayList<>(options);
    all.addAll(List.of(further));
    return new JavaCommand(all, program, environment);
  }

  /** Returns this command with further environment variables. */
  public JavaCommand in(Map<String, String> further) {
    Map<String, String> all = new HashMap<>(environment);
    all.putAll(further);
    return new JavaCommand(options, program, all);
  }

  /**
   * Starts the program.
   *
   * @param log what it prints is appended to this file
   */
  public JavaProcess start(Path log) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(options);
    command.addAll(program);
    ProcessBuilder builder =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()));
    // They are options for other programs, and a JVM that takes them up prints a line about it.
    builder.environment().remove("JDK_JAVA_OPTIONS");
    builder.environment().putAll(environment);
    return new JavaProcess(builder.start(), log);
  }

  private static Map<String, String> oneThread() {
    return Map.of("OMP_NUM_THREADS", "1", "OPENBLAS_NUM_THREADS", "1");
  }
}
