package io.fullrank.proto;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.DescriptorProtos.DescriptorProto;
import com.google.protobuf.DescriptorProtos.FieldDescriptorProto;
import com.google.protobuf.DescriptorProtos.FileDescriptorProto;
import com.google.protobuf.DescriptorProtos.FileDescriptorSet;
import com.google.protobuf.Descriptors.FileDescriptor;
import io.fullrank.proto.v1.CheckerServiceProto;
import io.fullrank.proto.v1.CheckpointProto;
import io.fullrank.proto.v1.IngestServiceProto;
import io.fullrank.proto.v1.MetricsServiceProto;
import io.fullrank.proto.v1.TrainerServiceProto;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Programs that were built with an older contract go on working with this one. */
class PublishedContractTest {

  private static final Path PUBLISHED = Path.of("../docs/public/contract.binpb");

  /**
   * Compares with the file of the last release. With {@code -Dfullrank.public.renew} the file is
   * written anew instead, which a release does after it has been decided that the change is one.
   */
  @Test
  void hasEverythingThatWasPublished() throws IOException {
    if (Boolean.getBoolean("fullrank.public.renew")) {
      Files.write(PUBLISHED, current().toByteArray());
    }

    assertThat(
            ContractChanges.between(
                FileDescriptorSet.parseFrom(Files.readAllBytes(PUBLISHED)), current()))
        .as(
            "changes of the published contract, see docs/public.md; where they are meant, renew the"
                + " file with 'mvn -pl proto test -Dtest=PublishedContractTest"
                + " -Dfullrank.public.renew=true'")
        .isEmpty();
  }

  @Test
  void namesAFieldThatWasRemovedRenamedRenumberedOrGivenAnotherType() {
    assertThat(changesOf(message -> message.removeField(0)))
        .containsExactly("fullrank.v1.Progress.step was removed");
    assertThat(changesOf(message -> message.getFieldBuilder(0).setName("update")))
        .containsExactly("fullrank.v1.Progress.step was renamed to update");
    assertThat(changesOf(message -> message.getFieldBuilder(0).setNumber(999)))
        .containsExactly("fullrank.v1.Progress.step has number 999 instead of 1");
    assertThat(
            changesOf(
                message ->
                    message.getFieldBuilder(0).setType(FieldDescriptorProto.Type.TYPE_STRING)))
        .singleElement()
        .asString()
        .startsWith("fullrank.v1.Progress.step is string instead of ");
    assertThat(
            changesOf(
                message ->
                    message.addField(
                        message.getField(0).toBuilder().setName("more").setNumber(999))))
        .isEmpty();
  }

  @Test
  void namesWhatElseWasRemoved() {
    FileDescriptorSet published = current();
    FileDescriptorSet.Builder changed = published.toBuilder();
    for (FileDescriptorProto.Builder file : changed.getFileBuilderList()) {
      if (file.getName().endsWith("/trainer_service.proto")) {
        file.getServiceBuilder(0).removeMethod(0);
      }
      if (file.getName().endsWith("/verdict.proto")) {
        file.getEnumTypeBuilder(0).removeValue(0);
      }
    }

    assertThat(ContractChanges.between(published, changed.build()))
        .hasSize(2)
        .anyMatch(
            line -> line.matches("fullrank\\.v1\\.\\w+\\.\\w+_UNSPECIFIED was removed or renamed"))
        .anyMatch(
            line -> line.matches("fullrank\\.v1\\.TrainerService\\.\\w+ was removed or renamed"));
  }

  private interface Change {
    void apply(DescriptorProto.Builder message);
  }

  private static List<String> changesOf(Change change) {
    FileDescriptorSet published = current();
    FileDescriptorSet.Builder changed = published.toBuilder();
    for (FileDescriptorProto.Builder file : changed.getFileBuilderList()) {
      for (DescriptorProto.Builder message : file.getMessageTypeBuilderList()) {
        if (message.getName().equals("Progress")) {
          change.apply(message);
        }
      }
    }
    return ContractChanges.between(published, changed.build());
  }

  private static FileDescriptorSet current() {
    Map<String, FileDescriptor> files = new LinkedHashMap<>();
    for (FileDescriptor top :
        List.of(
            TrainerServiceProto.getDescriptor(),
            CheckerServiceProto.getDescriptor(),
            CheckpointProto.getDescriptor(),
            MetricsServiceProto.getDescriptor(),
            IngestServiceProto.getDescriptor())) {
      addWithDependencies(top, files);
    }
    List<FileDescriptorProto> own = new ArrayList<>();
    files.values().stream()
        .filter(file -> file.getPackage().startsWith("fullrank."))
        .forEach(file -> own.add(file.toProto()));
    return FileDescriptorSet.newBuilder().addAllFile(own).build();
  }

  private static void addWithDependencies(FileDescriptor file, Map<String, FileDescriptor> files) {
    for (FileDescriptor dependency : file.getDependencies()) {
      addWithDependencies(dependency, files);
    }
    files.putIfAbsent(file.getName(), file);
  }
}
