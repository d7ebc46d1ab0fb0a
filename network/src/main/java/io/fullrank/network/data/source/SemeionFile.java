package io.fullrank.network.data.source;

import io.fullrank.network.data.sample.DataSetException;
import io.fullrank.network.data.sample.ImageShape;
import io.fullrank.network.data.sample.Samples;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.StringTokenizer;

/**
 * The text file of the Semeion Handwritten Digit data set (UCI Machine Learning Repository): per
 * line 256 pixels of a 16×16 picture, row-major, in [0, 1], then 10 one-hot label columns,
 * separated by blanks. Numbers are written {@code 1.0000} in the original and {@code 1} in common
 * copies.
 */
public final class SemeionFile {

  public static final String NAME = "semeion.data";
  public static final int CLASSES = 10;
  private static final ImageShape SHAPE = new ImageShape(1, 16, 16);
  private static final int PIXELS = 256;
  private static final int COLUMNS = PIXELS + CLASSES;

  private SemeionFile() {}

  /**
   * Reads all rows in the file's order.
   *
   * @throws DataSetException naming file and line
   */
  public static Samples read(Path file) {
    List<float[]> rows = new ArrayList<>();
    List<Integer> labels = new ArrayList<>();
    // ISO 8859-1 maps any byte to a character, so that a binary file is reported by line, too.
    try (BufferedReader lines = Files.newBufferedReader(file, StandardCharsets.ISO_8859_1)) {
      int number = 0;
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        number++;
        if (!line.isBlank()) {
          float[] columns = columns(line, file, number);
          rows.add(columns);
          labels.add(label(columns, file, number));
        }
      }
    } catch (IOException e) {
      throw new DataSetException("%s: cannot be read: %s".formatted(file, e.getMessage()), e);
    }
    if (rows.isEmpty()) {
      throw new DataSetException("%s: has no rows".formatted(file));
    }
    float[] values = new float[rows.size() * PIXELS];
    for (int row = 0; row < rows.size(); row++) {
      System.arraycopy(rows.get(row), 0, values, row * PIXELS, PIXELS);
    }
    return Samples.owning(SHAPE, values, labels.stream().mapToInt(Integer::intValue).toArray());
  }

  private static float[] columns(String line, Path file, int number) {
    StringTokenizer tokens = new StringTokenizer(line);
    if (tokens.countTokens() != COLUMNS) {
      throw new DataSetException(
          "%s:%d: %d columns, expected %d (256 pixels and 10 label columns); is the file complete?"
              .formatted(file, number, tokens.countTokens(), COLUMNS));
    }
    float[] columns = new float[COLUMNS];
    for (int i = 0; i < COLUMNS; i++) {
      String token = tokens.nextToken();
      try {
        columns[i] = Float.parseFloat(token);
      } catch (NumberFormatException e) {
        throw new DataSetException(
            "%s:%d: column %d: '%s' is not a number"
                .formatted(file, number, i + 1, abbreviated(token)),
            e);
      }
      if (!(columns[i] >= 0 && columns[i] <= 1)) {
        throw new DataSetException(
            "%s:%d: column %d: '%s' is not in [0, 1]"
                .formatted(file, number, i + 1, abbreviated(token)));
      }
    }
    return columns;
  }

  private static int label(float[] columns, Path file, int number) {
    int label = -1;
    int ones = 0;
    int zeros = 0;
    for (int i = 0; i < CLASSES; i++) {
      if (columns[PIXELS + i] == 1) {
        label = i;
        ones++;
      } else if (columns[PIXELS + i] == 0) {
        zeros++;
      }
    }
    if (ones != 1 || zeros != CLASSES - 1) {
      throw new DataSetException(
          "%s:%d: the label is not one-hot: the last 10 columns must be nine times 0 and once 1"
              .formatted(file, number));
    }
    return label;
  }

  private static String abbreviated(String token) {
    return token.length() <= 20 ? token : token.substring(0, 20) + "…";
  }
}
