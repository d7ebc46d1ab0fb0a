package io.fullrank.cli;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.lang.EvaluationResult;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Each room of the house uses only those rooms that it may. */
class LayeringTest {

  private enum Room {
    PROTO("proto", "proto"),
    CERTIFICATE("certificate", "certificate"),
    NETWORK("network", "network", PROTO, CERTIFICATE),
    MESSAGING("messaging", "messaging", PROTO),
    BROKER("kafka-broker", "broker"),
    KAFKA("embedded-kafka", "kafka"),
    SERVICE("service", "service", PROTO, MESSAGING),
    TRAINER("trainer-service", "trainer", PROTO, CERTIFICATE, NETWORK, MESSAGING, SERVICE),
    CHECKER("checker-service", "checker", PROTO, CERTIFICATE, NETWORK, MESSAGING, SERVICE),
    METRICS("metrics-service", "metrics", PROTO, MESSAGING, SERVICE),
    CLI("cli", "cli", PROTO, CERTIFICATE, NETWORK, MESSAGING, KAFKA);

    private final String folder;
    private final String packageName;
    private final Set<Room> used;

    Room(String folder, String packageName, Room... used) {
      this.folder = folder;
      this.packageName = "io.fullrank." + packageName;
      this.used = Set.of(used);
    }

    String packages() {
      return packageName + "..";
    }

    // The services are not on this test's class path, nor should they be: the folders are read.
    JavaClasses classes() {
      Path folder =
          Path.of(System.getProperty("basedir"))
              .resolveSibling(this.folder)
              .resolve("target/classes");
      assertThat(folder)
          .as("compiled classes of %s; build the whole reactor, not 'cli' alone", this.folder)
          .isDirectory();
      return new ClassFileImporter().importPath(folder);
    }

    ArchRule usesOnlyItsOwn() {
      EnumSet<Room> forbidden = EnumSet.allOf(Room.class);
      forbidden.remove(this);
      forbidden.removeAll(used);
      return noClasses()
          .that()
          .resideInAPackage(packages())
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(forbidden.stream().map(Room::packages).toArray(String[]::new));
    }
  }

  private static final ArchRule MATHEMATICS_WITHOUT_KAFKA_OR_QUARKUS =
      noClasses()
          .that()
          .resideInAnyPackage(Room.CERTIFICATE.packages(), Room.NETWORK.packages())
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("org.apache.kafka..", "io.quarkus..");

  @ParameterizedTest
  @EnumSource(Room.class)
  void usesOnlyTheRoomsThatItMay(Room room) {
    JavaClasses classes = room.classes();

    assertThat(classes)
        .isNotEmpty()
        .allMatch(each -> (each.getPackageName() + ".").startsWith(room.packageName + "."));
    room.usesOnlyItsOwn().check(classes);
  }

  @ParameterizedTest
  @EnumSource(names = {"CERTIFICATE", "NETWORK"})
  void keepsKafkaAndQuarkusOutOfTheMathematics(Room room) {
    MATHEMATICS_WITHOUT_KAFKA_OR_QUARKUS.check(room.classes());
  }

  @Test
  void noticesARoomThatUsesAnotherOne() {
    assertThat(
            violations(Room.METRICS.usesOnlyItsOwn(), io.fullrank.metrics.LayeringViolation.class))
        .anyMatch(line -> line.contains("io.fullrank.certificate.Outcome"));
  }

  @Test
  void noticesKafkaInTheMathematics() {
    assertThat(
            violations(
                MATHEMATICS_WITHOUT_KAFKA_OR_QUARKUS, io.fullrank.network.LayeringViolation.class))
        .anyMatch(line -> line.contains("org.apache.kafka.common.TopicPartition"));
  }

  private static Stream<String> violations(ArchRule rule, Class<?> sample) {
    EvaluationResult result = rule.evaluate(new ClassFileImporter().importClasses(sample));
    return result.getFailureReport().getDetails().stream();
  }
}
