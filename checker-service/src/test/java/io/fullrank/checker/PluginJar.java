package io.fullrank.checker;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.stream.Stream;
import javax.tools.ToolProvider;

/**
 * The example of a check from outside Fullrank, to be compiled into a jar.
 *
 * @param files source text and services by their path
 */
public record PluginJar(Map<String, String> files) {

  private static final Path EXAMPLE =
      Path.of(System.getProperty("basedir")).resolveSibling("examples").resolve("checks/src");

  public static PluginJar ofExample() throws IOException {
    Map<String, String> files = new TreeMap<>();
    try (Stream<Path> found = Files.walk(EXAMPLE)) {
      for (Path file : found.filter(Files::isRegularFile).toList()) {
        files.put(EXAMPLE.relativize(file).toString(), Files.readString(file));
      }
    }
    return new PluginJar(files);
  }

  /** The same with another text in place of one, in names of files as well. */
  public PluginJar renamed(String text, String other) {
    Map<String, String> renamed = new TreeMap<>();
    files.forEach(
        (path, content) -> renamed.put(path.replace(text, other), content.replace(text, other)));
    return new PluginJar(renamed);
  }

  public void write(Path jar) throws IOException {
    Path folder = Files.createTempDirectory("plugin");
    try {
      write(folder, jar);
    } finally {
      try (Stream<Path> all = Files.walk(folder)) {
        for (Path path : all.sorted((one, other) -> other.compareTo(one)).toList()) {
          Files.delete(path);
        }
      }
    }
  }

  private void write(Path folder, Path jar) throws IOException {
    for (Map.Entry<String, String> file : files.entrySet()) {
      Path path = folder.resolve(file.getKey());
      Files.createDirectories(path.getParent());
      Files.writeString(path, file.getValue());
    }
    compile(folder);
    try (OutputStream out = Files.newOutputStream(jar);
        JarOutputStream entries = new JarOutputStream(out);
        Stream<Path> all = Files.walk(folder)) {
      for (Path file : all.filter(Files::isRegularFile).toList()) {
        entries.putNextEntry(new JarEntry(folder.relativize(file).toString()));
        entries.write(Files.readAllBytes(file));
      }
    }
  }

  private static void compile(Path folder) throws IOException {
    try (Stream<Path> all = Files.walk(folder)) {
      List<String> sources =
          all.map(Path::toString).filter(path -> path.endsWith(".java")).toList();
      String[] arguments =
          Stream.concat(
                  Stream.of(
                      "-d",
                      folder.toString(),
                      "-cp",
                      System.getProperty("java.class.path"),
                      "-proc:none"),
                  sources.stream())
              .toArray(String[]::new);
      int status = ToolProvider.getSystemJavaCompiler().run(null, null, null, arguments);
      if (status != 0) {
        throw new IllegalStateException("the example does not compile");
      }
    }
  }
}
