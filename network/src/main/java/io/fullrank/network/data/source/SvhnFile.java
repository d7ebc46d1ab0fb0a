package io.fullrank.network.data.source;

import io.fullrank.network.data.sample.DataSetException;
import io.fullrank.network.data.sample.ImageShape;
import io.fullrank.network.data.sample.Samples;
import java.io.EOFException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import us.hebi.matlab.mat.format.Mat5;
import us.hebi.matlab.mat.format.Mat5File;
import us.hebi.matlab.mat.types.Array;
import us.hebi.matlab.mat.types.MatFile;
import us.hebi.matlab.mat.types.MatlabType;
import us.hebi.matlab.mat.types.Matrix;
import us.hebi.matlab.mat.types.Source;
import us.hebi.matlab.mat.types.Sources;

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

  private static final int SIDE = 32;
  private static final ImageShape SHAPE = new ImageShape(3, SIDE, SIDE);

  private final Path path;
  private final Matrix pictures;
  private final int[] labels;

  private SvhnFile(Path path, Matrix pictures, int[] labels) {
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
    Mat5File file = read(path);
    Matrix pictures = matrix(path, file, "X");
    Matrix digits = matrix(path, file, "y");
    int[] shape = pictures.getDimensions();
    if (shape.length < 3
        || shape.length > 4
        || shape[0] != SIDE
        || shape[1] != SIDE
        || shape[2] != SHAPE.channels()
        || pictures.getType() != MatlabType.UInt8) {
      throw new DataSetException(
          "%s: X is %s of %s, expected [32, 32, 3, rows] of uint8"
              .formatted(path, Arrays.toString(shape), pictures.getType()));
    }
    // MATLAB leaves out trailing dimensions of 1.
    int rows = shape.length == 4 ? shape[3] : 1;
    if (digits.getNumElements() != rows) {
      throw new DataSetException(
          "%s: y has %d labels for the %d pictures in X; get the file again"
              .formatted(path, digits.getNumElements(), rows));
    }
    return new SvhnFile(path, pictures, labels(path, digits));
  }

  private static Mat5File read(Path path) {
    try (Source source = Sources.openFile(path.toFile())) {
      return Mat5.newReader(source).disableSubsystemProcessing().readMat();
    } catch (IOException e) {
      if (e instanceof EOFException || e.getCause() instanceof EOFException) {
        throw new DataSetException(
            "%s: truncated: the file ends early; get the file again".formatted(path), e);
      }
      throw new DataSetException(
          "%s: not a MAT-file of level 5: %s".formatted(path, e.getMessage()), e);
    } catch (IllegalArgumentException | IllegalStateException | IndexOutOfBoundsException e) {
      // What the decoder makes of damaged data.
      throw new DataSetException(
          "%s: not a MAT-file of level 5, or damaged: %s; get the file again"
              .formatted(path, e.getMessage()),
          e);
    }
  }

  private static Matrix matrix(Path path, Mat5File file, String name) {
    for (MatFile.Entry entry : file.getEntries()) {
      if (entry.getName().equals(name)) {
        Array value = entry.getValue();
        if (value instanceof Matrix matrix) {
          return matrix;
        }
        throw new DataSetException(
            "%s: %s is a %s, expected numbers".formatted(path, name, value.getType()));
      }
    }
    throw new DataSetException(
        "%s: has no variable %s; is it a file of SVHN's cropped digits?".formatted(path, name));
  }

  private static int[] labels(Path path, Matrix digits) {
    int[] labels = new int[digits.getNumElements()];
    for (int row = 0; row < labels.length; row++) {
      double digit = digits.getDouble(row);
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
            pixels[to++] = pictures.getByte(from + x * SIDE + y);
          }
        }
      }
      chosen[i] = labels[rows[i]];
    }
    return Samples.ofPixels(SHAPE, pixels, chosen);
  }
}
