package io.fullrank.network.data;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * A folder of the MNIST family (MNIST, Kuzushiji-MNIST, Fashion-MNIST): {@code train} and {@code
 * t10k}, each a file of images and one of labels, gzipped or not. Pixels 0 … 255 become inputs in
 * [0, 1].
 */
final class MnistFamily {

  static final int CLASSES = 10;
  private static final List<String> SPELLINGS = List.of("-", ".");
  private static final List<String> ENDINGS = List.of("", ".gz");

  private MnistFamily() {}

  /**
   * Reads one of the two parts in the files' order.
   *
   * @param part {@code train} or {@code t10k}
   * @throws DataSetException naming the file and what is wrong with it
   */
  static Samples read(Path directory, String part) {
    IdxFile images = IdxFile.read(find(directory, part + "-images", "idx3-ubyte"), 3);
    IdxFile labels = IdxFile.read(find(directory, part + "-labels", "idx1-ubyte"), 1);
    int rows = images.dimensions()[0];
    if (labels.dimensions()[0] != rows) {
      throw new DataSetException(
          "%s: %d labels for the %d images of %s: the two files do not belong together"
              .formatted(labels.path(), labels.dimensions()[0], rows, images.path().getFileName()));
    }
    float[] values = new float[images.bytes().length];
    for (int i = 0; i < values.length; i++) {
      values[i] = (images.bytes()[i] & 0xFF) / 255f;
    }
    int[] numbers = new int[rows];
    for (int row = 0; row < rows; row++) {
      numbers[row] = labels.bytes()[row] & 0xFF;
      if (numbers[row] >= CLASSES) {
        throw new DataSetException(
            "%s: label %d of row %d is not in 0 … %d"
                .formatted(labels.path(), numbers[row], row, CLASSES - 1));
      }
    }
    ImageShape shape = new ImageShape(1, images.dimensions()[1], images.dimensions()[2]);
    return Samples.owning(shape, values, numbers);
  }

  private static Path find(Path directory, String stem, String type) {
    for (String ending : ENDINGS) {
      for (String spelling : SPELLINGS) {
        Path file = directory.resolve(stem + spelling + type + ending);
        if (Files.exists(file)) {
          return file;
        }
      }
    }
    throw new DataSetException(
        "%s: no file %s-%s (nor with .gz); put the data set's files there"
            .formatted(directory, stem, type));
  }
}
