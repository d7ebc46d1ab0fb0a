package io.fullrank.architecture;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.lang.syntax.ArchRuleDefinition;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * A Maven module with its packages and their allowed uses, as {@code walls.yaml} lists them.
 *
 * @param folder the module's folder
 * @param root the package that all its classes are in
 * @param uses the folders of the rooms that it may use
 * @param open the full names of the packages that other rooms may use
 * @param packages for each package, by its full name, the packages of the same room that it may use
 */
record Room(
    String folder,
    String root,
    List<String> uses,
    List<String> open,
    Map<String, List<String>> packages) {

  /** The name of a room's own package in {@code walls.yaml}. */
  private static final String FACE = "face";

  /** A room as the file has it, with the names of packages relative to its root. */
  private record Entry(
      String root, List<String> uses, List<String> open, Map<String, List<String>> packages) {

    Room room(String folder) {
      Map<String, List<String>> named = new LinkedHashMap<>();
      packages.forEach((name, used) -> named.put(full(name), full(used)));
      return new Room(folder, root, uses, full(open), named);
    }

    private List<String> full(List<String> names) {
      return names.stream().map(this::full).toList();
    }

    private String full(String name) {
      return name.equals(FACE) ? root : root + "." + name;
    }
  }

  /** Returns all rooms, by their folders. */
  static Map<String, Room> all() {
    try (InputStream walls = Room.class.getResourceAsStream("walls.yaml")) {
      Map<String, Entry> entries =
          new ObjectMapper(new YAMLFactory()).readValue(walls, new TypeReference<>() {});
      Map<String, Room> rooms = new LinkedHashMap<>();
      entries.forEach((folder, entry) -> rooms.put(folder, entry.room(folder)));
      return rooms;
    } catch (IOException unreadable) {
      throw new UncheckedIOException(unreadable);
    }
  }

  /** Returns the compiled classes, without those of tests. */
  JavaClasses classes() {
    Path compiled = house().resolve(folder).resolve("target/classes");
    if (!Files.isDirectory(compiled)) {
      throw new IllegalStateException(
          "%s is missing; build the whole reactor, not 'architecture-test' alone"
              .formatted(compiled));
    }
    return new ClassFileImporter().importPath(compiled);
  }

  /** Returns the top-level folder of the project. */
  static Path house() {
    return Path.of(System.getProperty("basedir")).getParent();
  }

  /** Returns the rule that the room uses only rooms that it may, and of them only what is open. */
  ArchRule usesOnlyWhatIsOpen(Map<String, Room> all) {
    List<String> allowed =
        uses.stream().map(all::get).flatMap(used -> used.open().stream()).toList();
    return ArchRuleDefinition.noClasses()
        .that()
        .resideInAPackage(root + "..")
        .should()
        .dependOnClassesThat(
            described(
                "are Fullrank's, in neither %s nor an open package of %s".formatted(root, uses),
                used ->
                    used.getPackageName().startsWith("io.fullrank.")
                        && !isWithin(used.getPackageName())
                        && !allowed.contains(used.getPackageName())));
  }

  /** Returns the rules that each package uses only those packages of the room that it may. */
  Stream<ArchRule> packagesUseOnlyTheirOwn() {
    return packages.entrySet().stream()
        .map(
            entry ->
                ArchRuleDefinition.noClasses()
                    .that()
                    .resideInAPackage(entry.getKey())
                    .should()
                    .dependOnClassesThat(
                        described(
                            "are in the same room, in neither this package nor " + entry.getValue(),
                            used ->
                                isWithin(used.getPackageName())
                                    && !used.getPackageName().equals(entry.getKey())
                                    && !entry.getValue().contains(used.getPackageName())))
                    .allowEmptyShould(true));
  }

  /** Returns the longest way from a package to one that uses no other, counted in packages. */
  int floors() {
    return packages.keySet().stream().mapToInt(this::floor).max().orElse(0);
  }

  private int floor(String name) {
    return 1 + packages.get(name).stream().mapToInt(this::floor).max().orElse(0);
  }

  /** Returns how many top-level types each package has, without generated ones. */
  Map<String, Long> typesByPackage() throws IOException {
    Path sources = house().resolve(folder).resolve("src/main/java");
    try (Stream<Path> files = Files.walk(sources)) {
      return files
          .filter(file -> file.toString().endsWith(".java"))
          .filter(file -> !file.endsWith("package-info.java"))
          .collect(
              Collectors.groupingBy(
                  file -> sources.relativize(file.getParent()).toString().replace('/', '.'),
                  Collectors.counting()));
    }
  }

  private boolean isWithin(String packageName) {
    return (packageName + ".").startsWith(root + ".");
  }

  private static DescribedPredicate<JavaClass> described(String words, Predicate<JavaClass> test) {
    return DescribedPredicate.describe(words, test);
  }

  @Override
  public String toString() {
    return folder;
  }
}
