package io.fullrank.network.data.source;

import io.fullrank.network.data.sample.DataSetException;
import io.fullrank.network.data.sample.ImageShape;
import io.fullrank.network.data.sample.Samples;
import java.io.BufferedInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/**
 * Files of the binary version of CIFAR-10 or CIFAR-100 (Krizhevsky: <i>Learning Multiple Layers of
 * Features from Tiny Images</i>, 2009): per picture the label bytes, then 3072 bytes, the red,
 * green and blue channel of 32×32 pixels, each row by row. The last label byte is the class: of
 * CIFAR-100 the fine one, after the coarse one.
 *
 * @param version CIFAR-10 or CIFAR-100
 * @param files read one after the other
 */
public record CifarFiles(Version version, List<PictureFile> files) implements PictureSource {

  private static final ImageShape SHAPE = new ImageShape(3, 32, 32);
  private static final int BUFFER_BYTES = 1 << 20;

  /** What the two data sets differ in. */
  public enum Version {
    CIFAR_10(
        "CIFAR-10",
        "cifar-10-batches-bin",
        List.of(
            "data_batch_1.bin",
            "data_batch_2.bin",
            "data_batch_3.bin",
            "data_batch_4.bin",
            "data_batch_5.bin"),
        List.of("test_batch.bin"),
        10),
    CIFAR_100("CIFAR-100", "cifar-100-binary", List.of("train.bin"), List.of("test.bin"), 20, 100);

    private final String title;
    private final String archiveFolder;
    private final List<String> trainFiles;
    private final List<String> testFiles;
    private final int[] classes;

    /**
     * @param archiveFolder the folder that the official archive holds the files in
     * @param classes of each label byte
     */
    Version(
        String title,
        String archiveFolder,
        List<String> trainFiles,
        List<String> testFiles,
        int... classes) {
      this.title = title;
      this.archiveFolder = archiveFolder;
      this.trainFiles = trainFiles;
      this.testFiles = testFiles;
      this.classes = classes;
    }

    public String archiveFolder() {
      return archiveFolder;
    }

    public int classes() {
      return classes[classes.length - 1];
    }

    private int recordBytes() {
      return classes.length + SHAPE.inputs();
    }
  }

  /**
   * @param rows how many pictures it holds
   */
  record PictureFile(Path path, int rows) {}

  /**
   * The files to train on.
   *
   * @param folder holds the files, or the folder that the official archive unpacks to
   * @throws DataSetException if a file is missing or has an impossible length
   */
  public static CifarFiles train(Version version, Path folder) {
    return find(version, folder, version.trainFiles);
  }

  /** The file to test on; as {@link #train}. */
  public static CifarFiles test(Version version, Path folder) {
    return find(version, folder, version.testFiles);
  }

  private static CifarFiles find(Version version, Path folder, List<String> names) {
    List<PictureFile> files =
        names.stream().map(name -> pictureFile(version, find(version, folder, name))).toList();
    long rows = files.stream().mapToLong(PictureFile::rows).sum();
    if (rows * SHAPE.inputs() > Integer.MAX_VALUE) {
      throw new DataSetException(
          "%s: %d pictures in all are more than %s has; get the files again"
              .formatted(folder, rows, version.title));
    }
    return new CifarFiles(version, files);
  }

  private static Path find(Version version, Path folder, String name) {
    for (Path file :
        List.of(folder.resolve(name), folder.resolve(version.archiveFolder).resolve(name))) {
      if (Files.exists(file)) {
        return file;
      }
    }
    throw new DataSetException(
        "%s: no file %s (nor in %s); put the files of %s's binary version there"
            .formatted(folder, name, version.archiveFolder, version.title));
  }

  private static PictureFile pictureFile(Version version, Path file) {
    long bytes;
    try {
      bytes = Files.size(file);
    } catch (IOException e) {
      throw unreadable(file, e);
    }
    if (bytes == 0 || bytes % version.recordBytes() != 0) {
      throw new DataSetException(
          ("%s: truncated, or not a file of %s's binary version: its %d bytes are no pictures of %d"
                  + " bytes each; get the file again")
              .formatted(file, version.title, bytes, version.recordBytes()));
    }
    return new PictureFile(file, (int) Math.min(bytes / version.recordBytes(), Integer.MAX_VALUE));
  }

  @Override
  public ImageShape shape() {
    return SHAPE;
  }

  @Override
  public int rows() {
    return files.stream().mapToInt(PictureFile::rows).sum();
  }

  @Override
  public String name() {
    return files.size() == 1 ? files.get(0).path().getFileName().toString() : "the data batches";
  }

  /** Reads the files from beginning to end and puts every row where it belongs. */
  @Override
  public Samples read(int[] chosen) {
    int[] places = new int[rows()];
    Arrays.fill(places, -1);
    for (int place = 0; place < chosen.length; place++) {
      places[chosen[place]] = place;
    }
    byte[] pixels = new byte[chosen.length * SHAPE.inputs()];
    int[] labels = new int[chosen.length];
    int first = 0;
    for (PictureFile file : files) {
      try (InputStream in =
          new BufferedInputStream(Files.newInputStream(file.path()), BUFFER_BYTES)) {
        for (int row = 0; row < file.rows(); row++) {
          int label = label(file.path(), in, row);
          int place = places[first + row];
          if (place < 0) {
            in.skipNBytes(SHAPE.inputs());
          } else {
            labels[place] = label;
            readPixels(in, pixels, place * SHAPE.inputs());
          }
        }
      } catch (EOFException e) {
        throw new DataSetException(
            "%s: became shorter while it was read".formatted(file.path()), e);
      } catch (IOException e) {
        throw unreadable(file.path(), e);
      }
      first += file.rows();
    }
    return Samples.ofPixels(SHAPE, pixels, labels);
  }

  private int label(Path file, InputStream in, int row) throws IOException {
    int label = -1;
    for (int classes : version.classes) {
      label = in.read();
      if (label < 0) {
        throw new EOFException();
      }
      if (label >= classes) {
        throw new DataSetException(
            "%s: label %d of row %d is not in 0 … %d: not a file of %s; get the file again"
                .formatted(file, label, row, classes - 1, version.title));
      }
    }
    return label;
  }

  private static void readPixels(InputStream in, byte[] pixels, int offset) throws IOException {
    if (in.readNBytes(pixels, offset, SHAPE.inputs()) < SHAPE.inputs()) {
      throw new EOFException();
    }
  }

  private static DataSetException unreadable(Path file, IOException e) {
    return new DataSetException("%s: cannot be read: %s".formatted(file, e.getMessage()), e);
  }
}
