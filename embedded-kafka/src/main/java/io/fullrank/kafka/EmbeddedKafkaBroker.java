package io.fullrank.kafka;

import java.io.File;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.MalformedURLException;
import java.net.URISyntaxException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.ServiceLoader;
import java.util.spi.ToolProvider;

/**
 * The single-node Kafka broker that is shipped, in this process. Its libraries are not those of
 * this process, not even Kafka's own: a class loader keeps them apart.
 */
public final class EmbeddedKafkaBroker {

  private static final String TOOL = "kafka-broker";
  private static final Path JAR = Path.of("kafka-broker", "target", "kafka-broker.jar");

  private EmbeddedKafkaBroker() {}

  /**
   * Runs a broker until it stops, in order when this process is told to end.
   *
   * @param out gets one line when the broker answers clients
   * @param folder holds its data; a folder used before is taken up again
   * @param host the address that it listens on for clients, such as {@code 127.0.0.1}
   * @param port its port for clients
   * @param advertised {@code host:port} at which clients reach it
   * @throws IOException if it cannot start: its libraries are missing, the folder cannot be used,
   *     another broker uses it, a newer Kafka wrote it, or the port is taken. Threads of it may
   *     live on: the process should end
   */
  public static void run(PrintWriter out, Path folder, String host, int port, String advertised)
      throws IOException {
    run(classPath(), out, folder, host, port, advertised);
  }

  /**
   * Returns the class path of the broker that is shipped.
   *
   * @throws IOException if it is not there
   */
  public static String classPath() throws IOException {
    Path own = ownPlace();
    // Both lie in the source tree that was built, or in a copy with its layout.
    for (Path folder = own; folder != null; folder = folder.getParent()) {
      Path jar = folder.resolve(JAR);
      if (Files.isRegularFile(jar)) {
        return jar.toString();
      }
    }
    throw new IOException(
        "no folder above %s has %s; build Fullrank with 'mvn -Dmaven.test.skip package'"
            .formatted(own, JAR));
  }

  /**
   * Runs a broker on the loopback address until standard input ends.
   *
   * @param arguments the folder, the port for clients, and the broker's class path if it is not the
   *     one that is shipped
   */
  public static void main(String[] arguments) {
    Thread parent = new Thread(EmbeddedKafkaBroker::exitWithParent, "parent-watch");
    parent.setDaemon(true);
    parent.start();
    try {
      int port = Integer.parseInt(arguments[1]);
      run(
          arguments.length > 2 ? arguments[2] : classPath(),
          new PrintWriter(System.out, true, StandardCharsets.UTF_8),
          Path.of(arguments[0]).toAbsolutePath(),
          "127.0.0.1",
          port,
          "127.0.0.1:" + port);
    } catch (IOException failed) {
      System.err.println(failed.getMessage());
      System.exit(1);
    } catch (RuntimeException failed) {
      failed.printStackTrace();
      System.exit(1);
    }
  }

  private static void run(
      String classPath, PrintWriter out, Path folder, String host, int port, String advertised)
      throws IOException {
    // Stays open: the broker's threads use it until the process ends.
    ClassLoader libraries =
        new URLClassLoader(urls(classPath), ClassLoader.getPlatformClassLoader());
    ToolProvider broker =
        ServiceLoader.load(ToolProvider.class, libraries).stream()
            .map(ServiceLoader.Provider::get)
            .filter(tool -> tool.name().equals(TOOL))
            .findFirst()
            .orElseThrow(() -> new IOException("%s: no %s in it".formatted(classPath, TOOL)));
    StringWriter reason = new StringWriter();
    Thread thread = Thread.currentThread();
    ClassLoader own = thread.getContextClassLoader();
    // Kafka looks there for classes that it knows by name.
    thread.setContextClassLoader(libraries);
    try {
      int status =
          broker.run(
              out,
              new PrintWriter(reason),
              folder.toString(),
              host,
              Integer.toString(port),
              advertised);
      if (status != 0) {
        throw new IOException(reason.toString().strip());
      }
    } finally {
      thread.setContextClassLoader(own);
    }
  }

  private static URL[] urls(String classPath) throws MalformedURLException {
    List<URL> urls = new ArrayList<>();
    for (String element : classPath.split(File.pathSeparator)) {
      urls.add(Path.of(element).toUri().toURL());
    }
    return urls.toArray(URL[]::new);
  }

  private static Path ownPlace() {
    try {
      return Path.of(
          EmbeddedKafkaBroker.class.getProtectionDomain().getCodeSource().getLocation().toURI());
    } catch (URISyntaxException impossible) {
      throw new IllegalStateException(impossible);
    }
  }

  // The process that started the broker holds the other end of its standard input; when that
  // process is gone, however it died, so is the broker.
  private static void exitWithParent() {
    try {
      while (System.in.read() >= 0) {
        // Nothing is ever sent.
      }
    } catch (IOException closed) {
      System.err.println("standard input failed: " + closed.getMessage());
    }
    System.exit(0);
  }
}
