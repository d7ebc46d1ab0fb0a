package io.fullrank.cli.installation;

import io.fullrank.cli.failure.ExecutionFailedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/**
 * Where the parts of Fullrank lie on this machine.
 *
 * @param services the runnable jar of each service
 * @param parentWatch the Java agent that ends a service with the process that started it
 * @param examples the folder of example experiments
 */
public record Installation(Map<Service, Path> services, Path parentWatch, Path examples) {

  /** Copies the map. */
  public Installation {
    services = Map.copyOf(services);
  }

  /** Returns the layout of a source tree that has been built. */
  public static Installation sourceTree(Path root) {
    Map<Service, Path> services = new EnumMap<>(Service.class);
    for (Service service : Service.values()) {
      services.put(
          service,
          root.resolve(service.title() + "-service")
              .resolve("target")
              .resolve("quarkus-app")
              .resolve("quarkus-run.jar"));
    }
    return new Installation(
        services,
        root.resolve("cli").resolve("target").resolve("fullrank-parent-watch.jar"),
        root.resolve("examples"));
  }

  /**
   * Checks that everything that a stack needs is there.
   *
   * @throws ExecutionFailedException naming the first file that is missing
   */
  public void requireComplete() {
    List<Path> files = new ArrayList<>(services.values());
    files.add(parentWatch);
    for (Path file : files) {
      if (!Files.isRegularFile(file)) {
        throw new ExecutionFailedException(
            "%s is missing; build Fullrank with 'mvn -Dmaven.test.skip package'".formatted(file));
      }
    }
  }
}
