package io.fullrank.network.data.source;

import io.fullrank.network.data.sample.ImageShape;
import io.fullrank.network.data.sample.Samples;
import io.fullrank.network.data.sample.SplitMix64;
import io.fullrank.network.data.sample.SplitMix64.Purpose;

/**
 * The generated data set {@code strokes}: 16×16 grey digits, white on black, inputs k/255 with k in
 * 0 … 255.
 *
 * <p>Each row is drawn from its own random stream (split seed, train or test, index): a style of
 * the digit's {@link Glyph}, jitter of its control points, a smooth elastic deformation, a random
 * affine map, stroke thickness, contrast and pixel noise. Rows do not depend on how many there are.
 * In every ten rows each digit occurs once.
 *
 * <p>Only IEEE basic operations and StrictMath are used, so that every machine generates the same
 * bits.
 */
public final class Strokes {

  public static final int CLASSES = 10;
  public static final int DEFAULT_TEST_ROWS = 1000;
  public static final int MAX_ROWS = 100_000;

  private static final int SIDE = 16;
  private static final int INPUTS = SIDE * SIDE;
  private static final ImageShape SHAPE = new ImageShape(1, SIDE, SIDE);

  // How much the rows vary. Chosen so that 256-64-64-1280-10, trained on 1000 rows, errs on about
  // 6% of the test rows.
  /** Standard deviation of a control point's jitter, in pixels. */
  private static final double JITTER = 0.3;

  /** Cells per side of the lattice that carries the elastic deformation. */
  private static final int CELLS = 3;

  /** Standard deviation of the elastic displacement at a lattice point, in pixels. */
  private static final double ELASTICITY = 0.7;

  /** Largest rotation, in radians. */
  private static final double ROTATION = 0.22;

  private static final double SHEAR = 0.3;

  /** Largest shift along each axis, in pixels. */
  private static final double SHIFT = 0.8;

  private static final double PIXEL_NOISE = 0.05;

  private Strokes() {}

  public static Samples train(long seed, int rows) {
    return generate(seed, rows, Purpose.TRAIN_ROWS, Purpose.TRAIN_LABELS);
  }

  public static Samples test(long seed, int rows) {
    return generate(seed, rows, Purpose.TEST_ROWS, Purpose.TEST_LABELS);
  }

  private static Samples generate(long seed, int rows, Purpose drawings, Purpose order) {
    byte[] pixels = new byte[rows * INPUTS];
    int[] labels = new int[rows];
    int[] digits = {};
    for (int row = 0; row < rows; row++) {
      if (row % CLASSES == 0) {
        digits = SplitMix64.stream(seed, order, row / CLASSES).permutation(CLASSES);
      }
      labels[row] = digits[row % CLASSES];
      draw(labels[row], SplitMix64.stream(seed, drawings, row), pixels, row * INPUTS);
    }
    return Samples.ofPixels(SHAPE, pixels, labels);
  }

  private static void draw(int digit, SplitMix64 random, byte[] pixels, int offset) {
    double[][] lines = Glyph.ofDigit(digit, random).lines(JITTER, random);
    deform(lines, random);
    transform(lines, random);
    double halfThickness = random.uniform(0.4, 1.0);
    double contrast = random.uniform(0.65, 1.0);
    for (int y = 0; y < SIDE; y++) {
      for (int x = 0; x < SIDE; x++) {
        double distance = distance(lines, x + 0.5, y + 0.5);
        // One pixel of linear fall-off at the stroke's edge.
        double ink = contrast * clamp(halfThickness + 0.5 - distance);
        double level = clamp(ink + PIXEL_NOISE * random.normal());
        pixels[offset + y * SIDE + x] = (byte) (int) (255 * level + 0.5);
      }
    }
  }

  /** Moves each point by a random displacement that varies smoothly over the picture. */
  private static void deform(double[][] lines, SplitMix64 random) {
    double[][][] lattice = new double[CELLS + 1][CELLS + 1][2];
    for (double[][] latticeRow : lattice) {
      for (double[] displacement : latticeRow) {
        displacement[0] = ELASTICITY * random.normal();
        displacement[1] = ELASTICITY * random.normal();
      }
    }
    for (double[] line : lines) {
      for (int i = 0; i < line.length; i += 2) {
        double u = clamp(line[i] / SIDE) * CELLS;
        double v = clamp(line[i + 1] / SIDE) * CELLS;
        int column = Math.min((int) u, CELLS - 1);
        int row = Math.min((int) v, CELLS - 1);
        double right = smooth(u - column);
        double down = smooth(v - row);
        for (int axis = 0; axis < 2; axis++) {
          line[i + axis] +=
              (1 - down)
                      * ((1 - right) * lattice[row][column][axis]
                          + right * lattice[row][column + 1][axis])
                  + down
                      * ((1 - right) * lattice[row + 1][column][axis]
                          + right * lattice[row + 1][column + 1][axis]);
        }
      }
    }
  }

  /** Scales, shears, rotates and shifts around the centre of the picture. */
  private static void transform(double[][] lines, SplitMix64 random) {
    double scaleX = random.uniform(0.75, 1.1);
    double scaleY = random.uniform(0.8, 1.1);
    double shear = random.uniform(-SHEAR, SHEAR);
    double angle = random.uniform(-ROTATION, ROTATION);
    double cos = StrictMath.cos(angle);
    double sin = StrictMath.sin(angle);
    double shiftX = random.uniform(-SHIFT, SHIFT);
    double shiftY = random.uniform(-SHIFT, SHIFT);
    double centre = SIDE / 2.0;
    for (double[] line : lines) {
      for (int i = 0; i < line.length; i += 2) {
        double y = scaleY * (line[i + 1] - centre);
        double x = scaleX * (line[i] - centre) - shear * y;
        line[i] = centre + shiftX + cos * x - sin * y;
        line[i + 1] = centre + shiftY + sin * x + cos * y;
      }
    }
  }

  /** Distance of a point to the nearest segment of the lines. */
  private static double distance(double[][] lines, double x, double y) {
    double nearest = Double.MAX_VALUE;
    for (double[] line : lines) {
      for (int i = 0; i + 3 < line.length; i += 2) {
        double dx = line[i + 2] - line[i];
        double dy = line[i + 3] - line[i + 1];
        double length = dx * dx + dy * dy;
        double along = (x - line[i]) * dx + (y - line[i + 1]) * dy;
        double t = length > 0 ? clamp(along / length) : 0;
        double ex = x - line[i] - t * dx;
        double ey = y - line[i + 1] - t * dy;
        nearest = Math.min(nearest, ex * ex + ey * ey);
      }
    }
    return StrictMath.sqrt(nearest);
  }

  private static double smooth(double t) {
    return t * t * (3 - 2 * t);
  }

  private static double clamp(double value) {
    return Math.max(0, Math.min(1, value));
  }
}
