package io.fullrank.architecture;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.lang.ArchRule;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Each room uses only the rooms that it may, and each package only the packages that it may. */
class WallsTest {

  private static final Map<String, Room> ROOMS = Room.all();
  private static final Map<Room, JavaClasses> CLASSES =
      ROOMS.values().stream().collect(Collectors.toMap(room -> room, Room::classes));
  private static final int MOST_TYPES = 20;
  private static final int MOST_FLOORS = 7;
  private static final Pattern FIRST_SENTENCE =
      Pattern.compile("/\\*\\*\\s*(?:\\* )?(.*?\\.)(?:\\s*\\*/|\\s)", Pattern.DOTALL);

  private static final ArchRule MATHEMATICS_WITHOUT_KAFKA_OR_QUARKUS =
      noClasses()
          .that()
          .resideInAnyPackage("io.fullrank.certificate..", "io.fullrank.network..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("org.apache.kafka..", "io.quarkus..");

  static Collection<Room> rooms() {
    return ROOMS.values();
  }

  @Test
  void listsEveryModuleThatHasClasses() throws IOException {
    // Rooms stand side by side, or in a folder of their own such as "clients".
    try (Stream<Path> folders = Files.walk(Room.house(), 2)) {
      assertThat(folders.filter(folder -> Files.isDirectory(folder.resolve("src/main/java"))))
          .extracting(folder -> Room.house().relativize(folder).toString())
          .containsExactlyInAnyOrderElementsOf(ROOMS.keySet());
    }
  }

  @ParameterizedTest
  @MethodSource("rooms")
  void usesOnlyTheRoomsThatItMay(Room room) {
    room.usesOnlyWhatIsOpen(ROOMS).check(CLASSES.get(room));
  }

  @ParameterizedTest
  @MethodSource("rooms")
  void itsPackagesUseOnlyThoseThatTheyMay(Room room) {
    JavaClasses classes = CLASSES.get(room);

    assertThat(classes)
        .extracting(JavaClass::getPackageName)
        .isNotEmpty()
        .isSubsetOf(room.packages().keySet());
    room.packagesUseOnlyTheirOwn().forEach(rule -> rule.check(classes));
  }

  @ParameterizedTest
  @MethodSource("rooms")
  void hasFewFloorsAndSmallPackages(Room room) throws IOException {
    // A circle of packages would fail here with a StackOverflowError.
    assertThat(room.floors()).isLessThanOrEqualTo(MOST_FLOORS);
    assertThat(room.typesByPackage())
        .allSatisfy(
            (name, types) ->
                assertThat(types).as("types of %s", name).isLessThanOrEqualTo(MOST_TYPES));
  }

  @Test
  void keepsKafkaAndQuarkusOutOfTheMathematics() {
    MATHEMATICS_WITHOUT_KAFKA_OR_QUARKUS.check(CLASSES.get(ROOMS.get("certificate")));
    MATHEMATICS_WITHOUT_KAFKA_OR_QUARKUS.check(CLASSES.get(ROOMS.get("network")));
  }

  @ParameterizedTest
  @MethodSource("rooms")
  void isDescribedWithEveryPackageByTheFirstSentenceOfItsDocumentation(Room room)
      throws IOException {
    String page = Files.readString(Room.house().resolve("docs/ARCHITECTURE.md"));
    Path sources = Room.house().resolve(room.folder()).resolve("src/main/java");

    for (String name : room.packages().keySet()) {
      Path documentation = sources.resolve(name.replace('.', '/')).resolve("package-info.java");
      if (room.typesByPackage().containsKey(name)) {
        assertThat(documentation).isRegularFile();
        assertThat(page).contains("| `%s` | %s |".formatted(name, firstSentence(documentation)));
      }
    }
  }

  private static String firstSentence(Path documentation) throws IOException {
    Matcher sentence = FIRST_SENTENCE.matcher(Files.readString(documentation));
    assertThat(sentence.find()).as("a sentence in %s", documentation).isTrue();
    return sentence
        .group(1)
        .replaceAll("\\s*\\n \\* ?", " ")
        .replaceAll("\\{@link [\\w.]*\\.(\\w+)}", "`$1`")
        .replaceAll("\\{@code ([^}]*)}", "`$1`");
  }

  @Test
  void noticesARoomThatUsesAnotherOne() {
    assertThat(
            violations(
                ROOMS.get("metrics-service").usesOnlyWhatIsOpen(ROOMS),
                io.fullrank.metrics.store.UseOfAForeignRoom.class))
        .anyMatch(line -> line.contains("io.fullrank.certificate.result.Outcome"));
  }

  @Test
  void noticesARoomThatUsesAClosedPackage() {
    assertThat(
            violations(
                ROOMS.get("cli").usesOnlyWhatIsOpen(ROOMS),
                io.fullrank.cli.report.UseOfAClosedPackage.class))
        .anyMatch(line -> line.contains("io.fullrank.network.layer.Layer"));
  }

  @Test
  void noticesAPackageThatUsesOneAboveIt() {
    List<String> found =
        ROOMS
            .get("certificate")
            .packagesUseOnlyTheirOwn()
            .flatMap(
                rule -> violations(rule, io.fullrank.certificate.matrix.UseOfAFloorAbove.class))
            .toList();

    assertThat(found).anyMatch(line -> line.contains("io.fullrank.certificate.file.NpyFile"));
  }

  @Test
  void noticesKafkaInTheMathematics() {
    assertThat(
            violations(
                MATHEMATICS_WITHOUT_KAFKA_OR_QUARKUS, io.fullrank.network.tensor.UseOfKafka.class))
        .anyMatch(line -> line.contains("org.apache.kafka.common.TopicPartition"));
  }

  private static Stream<String> violations(ArchRule rule, Class<?> sample) {
    return rule
        .evaluate(new ClassFileImporter().importClasses(sample))
        .getFailureReport()
        .getDetails()
        .stream();
  }
}
