package io.fullrank.proto;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Message;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What was once written to a topic is read as what it was, and written again to the same bytes. */
class GoldenMessagesTest {

  static Stream<String> names() {
    return GoldenMessages.all().keySet().stream();
  }

  @ParameterizedTest
  @MethodSource("names")
  void readsWhatWasWritten(String name) throws IOException {
    Message message = GoldenMessages.all().get(name);

    Message read = message.getParserForType().parseFrom(golden(name));

    assertThat(read).isEqualTo(message);
    assertThat(read.getUnknownFields().asMap()).isEmpty();
  }

  @ParameterizedTest
  @MethodSource("names")
  void writesWhatOthersRead(String name) throws IOException {
    assertThat(GoldenMessages.bytes(GoldenMessages.all().get(name))).isEqualTo(golden(name));
  }

  @Test
  void everyGoldenFileHasItsMessage() throws IOException {
    try (Stream<Path> files = Files.list(GoldenMessages.FOLDER)) {
      assertThat(files.map(file -> file.getFileName().toString()))
          .containsExactlyInAnyOrderElementsOf(names().map(name -> name + ".binpb").toList());
    }
  }

  /** Otherwise a field could be renumbered without a golden file noticing. */
  @Test
  void everyFieldOfEveryMessageIsInSomeFile() {
    Set<String> all = new TreeSet<>();
    Set<String> set = new TreeSet<>();
    GoldenMessages.all().values().forEach(message -> collect(message, all, set));

    assertThat(set).isEqualTo(all);
  }

  private static void collect(Message message, Set<String> all, Set<String> set) {
    message.getDescriptorForType().getFields().forEach(field -> all.add(field.getFullName()));
    for (Map.Entry<FieldDescriptor, Object> entry : message.getAllFields().entrySet()) {
      set.add(entry.getKey().getFullName());
      if (entry.getKey().getJavaType() == FieldDescriptor.JavaType.MESSAGE) {
        List<?> values =
            entry.getKey().isRepeated() ? (List<?>) entry.getValue() : List.of(entry.getValue());
        values.forEach(value -> collect((Message) value, all, set));
      }
    }
  }

  private static byte[] golden(String name) throws IOException {
    return Files.readAllBytes(GoldenMessages.FOLDER.resolve(name + ".binpb"));
  }
}
