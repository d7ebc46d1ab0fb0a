package io.fullrank.network.data.source;

import io.fullrank.network.data.sample.DataSetException;
import io.fullrank.network.data.sample.ImageShape;
import io.fullrank.network.data.sample.Samples;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * One of the two parts of a folder of the MNIST family (MNIST, Kuzushiji-MNIST, Fashion-MNIST), a
 * file of images and one of labels, gzipped or not. Pixels 0 … 255 become inputs in [0, 1].
 *
 * @param part {@code train} or {@code t10k}
 */
public record MnistFamily(String part, IdxFile images, IdxFile labels) implements PictureSource {

  public static final int CLASSES = 10;
  private static final List<String> SPELLINGS = List.of("-", ".");
  private static final List<String> ENDINGS = List.of("", ".gz");

  /**
   * Reads one of the two parts.
   *
   * @param part {@code train} or {@code t10k}
   * @throws DataSetException naming the file and what is wrong with it
   */
  public static MnistFamily open(Path directory, String part) {
    IdxFile images = IdxFile.read(find(directory, part + "-images", "idx3-ubyte"), 3);
    IdxFile labels = IdxFile.read(find(directory, part + "-labels", "idx1-ubyte"), 1);
    int rows = images.dimensions()[0];
    if (labels.dimensions()[0] != rows) {
      throw new DataSetException(
          "%s: %d labels for the %d images of %s: the two files do not belong together"
              .formatted(labels.path(), labels.dimensions()[0], rows, images.path().getFileName()));
    }
    for (int row = 0; row < rows; row++) {
      int label = labels.bytes()[row] & 0xFF;
      if (label >= CLASSES) {
        throw new DataSetException(
            "%s: label %d of row %d is not in 0 … %d"
                .formatted(labels.path(), label, row, CLASSES - 1));
      }
    }
    return new MnistFamily(part, images, labels);
  }

  @Override
  public ImageShape shape() {
    return new ImageShape(1, images.dimensions()[1], images.dimensions()[2]);
  }

  @Override
  public int rows() {
    return images.dimensions()[0];
  }

  @Override
  public String name() {
    return "the %s files".formatted(part);
  }

  @Override
  public Samples read(int[] rows) {
    int inputs = shape().inputs();
    byte[] pixels = new byte[rows.length * inputs];
    int[] numbers = new int[rows.length];
    for (int i = 0; i < rows.length; i++) {
      System.arraycopy(images.bytes(), rows[i] * inputs, pixels, i * inputs, inputs);
      numbers[i] = labels.bytes()[rows[i]];
    }
    return Samples.ofPixels(shape(), pixels, numbers);
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
