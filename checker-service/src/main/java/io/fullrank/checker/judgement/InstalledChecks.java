package io.fullrank.checker.judgement;

import io.fullrank.checker.check.CheckFactory;
import io.fullrank.checker.check.CheckResources;
import io.fullrank.checker.check.SnapshotCheck;
import io.fullrank.network.experiment.ChosenChecks;
import java.io.IOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.ServiceConfigurationError;
import java.util.ServiceLoader;
import java.util.jar.JarFile;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The checks that a checker finds when it starts: those of Fullrank, and those in jars. */
public final class InstalledChecks {

  /** The key of the folder with jars of third parties. */
  static final String FOLDER_KEY = "fullrank.checker.plugins";

  private static final Logger LOG = LoggerFactory.getLogger(InstalledChecks.class);

  private InstalledChecks() {}

  /**
   * Makes all checks.
   *
   * @param folder with jars of third parties, if there is one
   * @throws IllegalArgumentException naming the key if something is wrong with a jar or a check in
   *     it
   */
  public static List<SnapshotCheck> of(CheckResources resources, Optional<Path> folder) {
    ClassLoader own = CheckFactory.class.getClassLoader();
    Map<String, SnapshotCheck> checks = new LinkedHashMap<>();
    ServiceLoader.load(CheckFactory.class, own)
        .forEach(
            factory -> {
              SnapshotCheck check = factory.create(resources);
              checks.put(check.name(), check);
            });
    folder.ifPresent(
        jars -> {
          for (SnapshotCheck check : thirdParty(jars, own, resources)) {
            requireUsableName(check, checks);
            checks.put(check.name(), check);
          }
        });
    LOG.info("Knows the checks {}", String.join(", ", checks.keySet()));
    return List.copyOf(checks.values());
  }

  /** The class loader stays open for as long as the checker runs. */
  private static List<SnapshotCheck> thirdParty(
      Path folder, ClassLoader own, CheckResources resources) {
    URLClassLoader loader = new URLClassLoader("plugins", jars(folder), own);
    List<SnapshotCheck> checks = new ArrayList<>();
    try {
      ServiceLoader.load(CheckFactory.class, loader).stream()
          .filter(factory -> factory.type().getClassLoader() == loader)
          .forEach(factory -> checks.add(factory.get().create(resources)));
      return checks;
    } catch (ServiceConfigurationError | RuntimeException | LinkageError failed) {
      throw problem(folder, "a check cannot be made: " + failed, failed);
    }
  }

  private static URL[] jars(Path folder) {
    if (!Files.isDirectory(folder)) {
      throw new IllegalArgumentException("%s: '%s' is no folder".formatted(FOLDER_KEY, folder));
    }
    List<URL> jars = new ArrayList<>();
    try (DirectoryStream<Path> found = Files.newDirectoryStream(folder, "*.jar")) {
      for (Path jar : found) {
        requireReadable(jar);
        jars.add(jar.toUri().toURL());
      }
    } catch (IOException | DirectoryIteratorException unreadable) {
      throw problem(folder, "cannot be read: " + unreadable, unreadable);
    }
    return jars.toArray(URL[]::new);
  }

  /** A class loader would pass over what is no jar. */
  private static void requireReadable(Path jar) {
    try {
      new JarFile(jar.toFile()).close();
    } catch (IOException unreadable) {
      throw problem(jar, "cannot be read: " + unreadable, unreadable);
    }
  }

  private static void requireUsableName(SnapshotCheck check, Map<String, SnapshotCheck> others) {
    String name = String.valueOf(check.name());
    String where = check.getClass().getName();
    if (others.containsKey(name)) {
      throw new IllegalArgumentException(
          "%s: %s has the name '%s', which %s has already: each check needs a name of its own"
              .formatted(FOLDER_KEY, where, name, others.get(name).getClass().getName()));
    }
    ChosenChecks.problemWithThirdPartyName(name)
        .ifPresent(
            problem -> {
              throw new IllegalArgumentException(
                  "%s: %s has the name '%s'; %s, such as com.example.sparsity"
                      .formatted(FOLDER_KEY, where, name, problem));
            });
  }

  private static IllegalArgumentException problem(Path where, String what, Throwable cause) {
    return new IllegalArgumentException(
        "%s: '%s' %s".formatted(FOLDER_KEY, where, what.lines().findFirst().orElse(what)), cause);
  }
}
