package io.fullrank.network.data.source;

import io.fullrank.network.data.sample.SplitMix64;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.stream.Stream;

/**
 * One way to write a digit, as strokes of a pen in a box of 100×100, y downwards, in the notation
 * of SVG paths with absolute coordinates: {@code M x y} puts the pen down, {@code L x y} draws a
 * line, {@code C x y x y x y} a cubic Bézier curve.
 */
record Glyph(List<Stroke> strokes) {

  /** Segments that a curve is drawn with. */
  private static final int SEGMENTS = 12;

  /** Pixels per unit of the box. */
  private static final double SCALE = 0.16;

  private static final List<List<Glyph>> DIGITS =
      List.of(
          styles(
              "M 50 10 C 25 10 22 40 22 52 C 22 75 33 90 50 90 C 68 90 78 72 78 50"
                  + " C 78 28 70 10 50 10",
              "M 55 12 C 35 12 30 35 30 52 C 30 75 38 90 50 90 C 64 90 70 72 70 48"
                  + " C 70 25 62 10 46 14"),
          styles(
              "M 50 10 L 50 90",
              "M 34 30 L 52 10 L 52 90",
              "M 36 26 L 52 10 L 52 90 M 34 90 L 70 90"),
          styles(
              "M 27 30 C 28 4 72 4 72 30 C 72 50 40 68 26 88 L 76 88",
              "M 28 28 C 32 6 70 6 70 30 C 70 52 42 80 28 86 C 20 74 42 72 55 84 C 62 91 70 90 78 82"),
          styles(
              "M 28 16 C 50 2 76 14 70 32 C 67 46 50 47 42 47 C 60 46 76 54 74 70"
                  + " C 70 94 38 94 25 80",
              "M 28 12 L 72 12 L 46 42 C 66 40 78 55 73 72 C 68 92 38 94 25 80"),
          styles("M 34 10 L 26 56 L 76 56 M 62 30 L 60 90", "M 64 90 L 64 10 L 22 64 L 80 64"),
          styles(
              "M 72 12 L 34 12 L 30 46 C 50 34 76 44 74 66 C 72 92 40 94 26 80",
              "M 34 12 L 30 45 C 48 36 74 44 72 68 C 70 92 38 92 26 82 M 34 12 L 74 10"),
          styles(
              "M 66 12 C 42 18 26 46 28 68 C 30 92 70 96 72 70 C 74 48 38 46 30 66",
              "M 58 10 C 38 34 26 54 30 74 C 36 94 70 92 70 70 C 70 50 40 50 31 68"),
          styles(
              "M 26 14 L 74 14 L 44 90",
              "M 26 14 L 74 14 L 46 90 M 36 52 L 70 52",
              "M 26 22 L 28 12 L 74 14 C 60 36 50 60 46 90"),
          styles(
              "M 66 22 C 60 6 34 8 34 26 C 34 46 72 50 70 72 C 68 94 30 94 30 72"
                  + " C 30 50 68 46 66 22",
              "M 50 48 C 26 44 26 10 50 10 C 74 10 74 44 50 48 C 22 52 22 90 50 90"
                  + " C 78 90 78 52 50 48"),
          styles(
              "M 70 30 C 66 4 30 6 30 32 C 30 56 64 54 70 30 L 68 90",
              "M 70 28 C 64 4 30 6 30 32 C 30 56 66 54 70 28 C 76 60 66 92 36 86"));

  /**
   * A chain of Bézier curves: its start, then for each curve two control points and its end; x and
   * y in turn.
   */
  record Stroke(List<Double> points) {}

  private static List<Glyph> styles(String... paths) {
    return Stream.of(paths).map(Glyph::parse).toList();
  }

  private static Glyph parse(String path) {
    List<Stroke> strokes = new ArrayList<>();
    List<Double> points = List.of();
    Iterator<String> tokens = List.of(path.split(" ")).iterator();
    while (tokens.hasNext()) {
      switch (tokens.next()) {
        case "M" -> {
          points = new ArrayList<>();
          strokes.add(new Stroke(points));
          read(2, tokens, points);
        }
        case "L" -> line(number(tokens), number(tokens), points);
        case "C" -> read(6, tokens, points);
        default -> throw new IllegalArgumentException("not a path: " + path);
      }
    }
    return new Glyph(strokes);
  }

  private static void read(int count, Iterator<String> tokens, List<Double> points) {
    for (int i = 0; i < count; i++) {
      points.add(number(tokens));
    }
  }

  private static double number(Iterator<String> tokens) {
    return Double.parseDouble(tokens.next());
  }

  /** A line is a curve whose control points divide it in three. */
  private static void line(double x, double y, List<Double> points) {
    double fromX = points.get(points.size() - 2);
    double fromY = points.get(points.size() - 1);
    for (int third = 1; third <= 3; third++) {
      points.add(fromX + (x - fromX) * third / 3);
      points.add(fromY + (y - fromY) * third / 3);
    }
  }

  /** One of the digit's styles. */
  static Glyph ofDigit(int digit, SplitMix64 random) {
    List<Glyph> styles = DIGITS.get(digit);
    return styles.get(random.nextInt(styles.size()));
  }

  /**
   * The strokes as polylines.
   *
   * @param jitter standard deviation of the noise that moves each control point, in pixels
   * @return per stroke x and y in turn, in pixels of a 16×16 picture
   */
  double[][] lines(double jitter, SplitMix64 random) {
    double[][] lines = new double[strokes.size()][];
    for (int s = 0; s < lines.length; s++) {
      List<Double> points = strokes.get(s).points();
      double[] moved = new double[points.size()];
      for (int i = 0; i < moved.length; i++) {
        moved[i] = SCALE * points.get(i) + jitter * random.normal();
      }
      lines[s] = flatten(moved);
    }
    return lines;
  }

  private static double[] flatten(double[] points) {
    int curves = points.length / 6;
    double[] line = new double[2 + 2 * SEGMENTS * curves];
    line[0] = points[0];
    line[1] = points[1];
    for (int curve = 0; curve < curves; curve++) {
      for (int segment = 1; segment <= SEGMENTS; segment++) {
        double t = segment / (double) SEGMENTS;
        double s = 1 - t;
        int to = 2 * (curve * SEGMENTS + segment);
        for (int axis = 0; axis < 2; axis++) {
          int from = 6 * curve + axis;
          line[to + axis] =
              s * s * s * points[from]
                  + 3 * s * s * t * points[from + 2]
                  + 3 * s * t * t * points[from + 4]
                  + t * t * t * points[from + 6];
        }
      }
    }
    return line;
  }
}
