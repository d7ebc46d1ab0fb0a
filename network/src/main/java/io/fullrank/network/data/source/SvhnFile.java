package io.fullrank.network.data.source;

import io.fullrank.network.data.sample.DataSetException;
import io.fullrank.network.data.sample.ImageShape;
import io.fullrank.network.data.sample.Samples;
import io.fullrank.network.data.source.MatFile.Numbers;
import io.fullrank.network.data.source.MatFile.Storage;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Set;

/**
 * A file of cropped digits of the Street View House Numbers (Netzer et al.: <i>Reading Digits in
 * Natural Images with Unsupervised Feature Learning</i>, 2011), a MAT-file of level 5: {@code X},
 * 32×32×3×rows of uint8, column-major (so that a picture's bytes lie together, channel by channel,
 * each column by column), and {@code y}, rows×1, the digits 1 … 9 and 10 for the digit 0.
 */
public final class SvhnFile implements PictureSource {

  public static final String TRAIN = "train_32x32.mat";
  public static final String TEST = "test_32x32.mat";
  public static final int CLASSES = 10;

  private static final String PICTURES = "X";
  private static final String DIGITS = "y";
  private static final int SIDE = 32;
  private static final ImageShape SHAPE = new ImageShape(3, SIDE, SIDE);

  private final Path path;
  private final ByteBuffer pictures;
  private final int[] labels;

  private SvhnFile(Path path, ByteBuffer pictures, int[] labels) {
    this.path = path;
    this.pictures = pictures;
    this.labels = labels;
  }

  /**
   * Reads one file.
   *
   * @throws DataSetException naming the file and what is wrong with it
   */
  public static SvhnFile open(Path folder, String name) {
    Path path = folder.resolve(name);
    if (!Files.exists(path)) {
      throw new DataSetException(
          "%s: no file %s; put the data set's files there".formatted(folder, name));
    }
    Map<String, Numbers> arrays = MatFile.read(path, Set.of(PICTURES, DIGITS));
    Numbers pictures = variable(path, arrays, PICTURES);
    Numbers digits = variable(path, arrays, DIGITS);
    int[] shape = pictures.dimensions();
    if (shape.length < 3
        || shape.length > 4
        || shape[0] != SIDE
        || shape[1] != SIDE
        || shape[2] != SHAPE.channels()
        || !pictures.type().equals("uint8")) {
      throw new DataSetException(
          "%s: X is %s of %s, expected [32, 32, 3, rows] of uint8"
              .formatted(path, Arrays.toString(shape), pictures.type()));
    }
    if (pictures.storage() != Storage.UINT8) {
      throw new DataSetException(
          "%s: X is of uint8 but stored as %s; get the file again"
              .formatted(path, pictures.storage()));
    }
    // MATLAB leaves out trailing dimensions of 1.
    int rows = shape.length == 4 ? shape[3] : 1;
    if (rows == 0) {
      throw new DataSetException("%s: X holds no pictures; get the file again".formatted(path));
    }
    if (digits.size() != rows) {
      throw new DataSetException(
          "%s: y has %d labels for the %d pictures in X; get the file again"
              .formatted(path, digits.size(), rows));
    }
    return new SvhnFile(path, pictures.data(), labels(path, digits));
  }

  private static Numbers variable(Path path, Map<String, Numbers> arrays, String name) {
    Numbers numbers = arrays.get(name);
    if (numbers == null) {
      throw new DataSetException(
          "%s: has no variable %s; is it a file of SVHN's cropped digits?".formatted(path, name));
    }
    return numbers;
  }

  private static int[] labels(Path path, Numbers digits) {
    int[] labels = new int[digits.size()];
    for (int row = 0; row < labels.length; row++) {
      double digit = digits.get(row);
      if (!(digit >= 1 && digit <= CLASSES && digit == Math.rint(digit))) {
        throw new DataSetException(
            "%s: label %s of row %d is not in 1 … 10".formatted(path, digit, row));
      }
      labels[row] = (int) digit % CLASSES;
    }
    return labels;
  }

  @Override
  public ImageShape shape() {
    return SHAPE;
  }

  @Override
  public int rows() {
    return labels.length;
  }

  @Override
  public String name() {
    return path.getFileName().toString();
  }

  @Override
  public Samples read(int[] rows) {
    byte[] pixels = new byte[rows.length * SHAPE.inputs()];
    int[] chosen = new int[rows.length];
    int to = 0;
    for (int i = 0; i < rows.length; i++) {
      for (int channel = 0; channel < SHAPE.channels(); channel++) {
        int from = (rows[i] * SHAPE.channels() + channel) * SHAPE.pixels();
        for (int y = 0; y < SIDE; y++) {
          for (int x = 0; x < SIDE; x++) {
            pixels[to++] = pictures.get(from + x * SIDE + y);
          }
        }
      }
      chosen[i] = labels[rows[i]];
    }
    return Samples.ofPixels(SHAPE, pixels, chosen);
  }
}
