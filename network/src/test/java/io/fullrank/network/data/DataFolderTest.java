package io.fullrank.network.data;

import static org.assertj.core.api.Assertions.assertThat;

import io.fullrank.network.data.PublishedDataSet.PublishedFile;
import io.fullrank.network.data.sample.FileDigest;
import java.io.IOException;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
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
  void namesFilesOfAnotherMemberOfTheFamilyAndDamagedOnes() throws IOException {
    List<PublishedDataSet> all = List.of(publish("mnist", 1), publish("kmnist", 2));
    Path kmnist = data.resolve("kmnist");
    assertThat(DataFolder.inspect(kmnist, all).orElseThrow().problems()).isEmpty();
    assertThat(DataFolder.inspect(kmnist, all).orElseThrow().published()).hasSize(4);

    // The folder's name decides, else the contents.
    Path copy = Files.move(kmnist, data.resolve("copy"));
    assertThat(DataFolder.inspect(copy, all).orElseThrow().dataSet()).isEqualTo("kmnist");

    Path damaged = copy.resolve("t10k-labels-idx1-ubyte");
    byte[] bytes = Files.readAllBytes(damaged);
    bytes[8] = 7;
    Files.write(damaged, bytes);
    assertThat(DataFolder.inspect(copy, all).orElseThrow().problems())
        .containsExactly(
            damaged
                + ": is not the published file, though others beside it are; get the file again");

    Files.copy(
        data.resolve("mnist/t10k-labels-idx1-ubyte"), damaged, StandardCopyOption.REPLACE_EXISTING);
    assertThat(DataFolder.inspect(copy, all).orElseThrow().problems())
        .containsExactly(
            damaged
                + ": is t10k-labels-idx1-ubyte of mnist, not t10k-labels-idx1-ubyte of kmnist; get"
                + " the file again");
  }

  /** Writes four small files, different for every seed, and says that they are the data set. */
  private PublishedDataSet publish(String name, int seed) throws IOException {
    Path folder = Files.createDirectory(data.resolve(name));
    List<PublishedFile> files = new ArrayList<>();
    for (String part : List.of("train", "t10k")) {
      Path images = folder.resolve(part + "-images-idx3-ubyte");
      Path labels = folder.resolve(part + "-labels-idx1-ubyte");
      int rows = part.equals("train") ? 3 : 2;
      byte[] pixels = new byte[16 + rows];
      ByteBuffer.wrap(pixels).putInt(0x803).putInt(rows).putInt(1).putInt(1).put((byte) seed);
      byte[] numbers = new byte[8 + rows];
      ByteBuffer.wrap(numbers).putInt(0x801).putInt(rows).put((byte) seed);
      Files.write(images, pixels);
      Files.write(labels, numbers);
      for (Path file : List.of(images, labels)) {
        files.add(new PublishedFile(file.getFileName().toString(), FileDigest.sha256(file)));
      }
    }
    return new PublishedDataSet(
        name, URI.create("http://x/"), files, Optional.empty(), files, List.of());
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
