package io.fullrank.network.data;

import static org.assertj.core.api.Assertions.assertThat;

import io.fullrank.network.data.PublishedDataSet.PublishedFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DataFolderTest {

  @TempDir Path data;

  @Test
  void everyDataSetOfFilesIsPublishedWithDigestsThatTellItsFilesApart() {
    List<String> names = new ArrayList<>(DataSets.names());
    names.remove(DataSets.STROKES);
    assertThat(PublishedDataSet.all())
        .extracting(PublishedDataSet::name)
        .containsExactlyElementsOf(names);
    List<String> digests =
        PublishedDataSet.all().stream()
            .flatMap(
                each -> Stream.of(each.files(), each.otherForms()).flatMap(files -> files.stream()))
            .map(PublishedFile::sha256)
            .toList();
    assertThat(digests).allMatch(digest -> digest.matches("[0-9a-f]{64}")).doesNotHaveDuplicates();
  }

  @Test
  void knowsThePublishedFile() throws IOException {
    Path folder = Files.createDirectory(data.resolve("digits"));
    Files.writeString(folder.resolve("semeion.data"), SharedData.semeionAsPublished());
    DataFolder found = DataFolder.inspectAll(data).get(0);
    assertThat(found.dataSet()).isEqualTo("semeion");
    assertThat(found.published()).containsExactly("semeion.data");
    assertThat(found.others()).isEmpty();
    assertThat(found.problems()).isEmpty();
    assertThat(found.identity().orElseThrow().getTestRows()).isEqualTo(1592);
  }

  @Test
  void namesAFileOfAnotherDataSet() throws IOException {
    Path folder = Files.createDirectory(data.resolve("svhn"));
    Path file = folder.resolve("train_32x32.mat");
    Files.writeString(file, SharedData.semeionAsPublished());
    DataFolder found = DataFolder.inspectAll(data).get(0);
    assertThat(found.dataSet()).isEqualTo("svhn");
    assertThat(found.problems().get(0))
        .isEqualTo(
            file + ": is semeion.data of semeion, not train_32x32.mat of svhn; get the file again");
  }

  @Test
  void readsRealFilesThatAreNotThePublishedOnes() {
    DataFolder found =
        DataFolder.inspect(SharedData.directory().resolve("mnist-10k")).orElseThrow();
    assertThat(found.dataSet()).isEqualTo("mnist");
    assertThat(found.problems()).isEmpty();
    assertThat(found.published()).isEmpty();
    assertThat(found.others()).hasSize(4);
    assertThat(found.identity().orElseThrow().getTrainRows()).isEqualTo(8000);
  }
}
