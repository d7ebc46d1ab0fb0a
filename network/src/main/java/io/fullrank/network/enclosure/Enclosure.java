package io.fullrank.network.enclosure;

/**
 * A real number that is known up to an error: it lies within {@code radius} of {@code high + low}.
 *
 * <p>Operations return an enclosure of the exact result for all numbers that the operands enclose.
 * Their centres are double-doubles, |low| ≤ u|high| with u = 2⁻⁵³, and come from the algorithms of
 * Joldes, Muller, Popescu, <i>Tight and Rigorous Error Bounds for Basic Building Blocks of
 * Double-Word Arithmetic</i>, ACM TOMS 44(2), 2017 (JMP17), whose relative errors are below 4u² for
 * a sum (their algorithm 6) and 5u² for a product (algorithm 12). Quotients and roots need no such
 * theorem: what is left of their defining equation is enclosed instead.
 *
 * <p><b>Rounding of radii.</b> A radius is a sum of at most ten products of nonnegative doubles, in
 * fewer than 30 operations, each of which may round down by a factor 1 − u: {@link #INFLATION} is
 * more than all of them together, and than |high + low| ≤ (1 + u)|high| adds.
 *
 * <p><b>Underflow.</b> Sums are exact where they underflow. An operation of a product that
 * underflows is off by at most 2⁻¹⁰⁷⁴, and there are fewer than 2¹⁰ of them: {@link #UNDERFLOW} is
 * more than all of them together, also divided by any number above 2⁻¹⁰⁰. Where adding it to a
 * radius has no effect since the radius is above 2⁻⁸⁴⁸, the inflation of that radius is more. Java
 * never flushes subnormal numbers to zero.
 *
 * <p><b>Overflow</b> makes the radius infinite or NaN, which encloses every number, and which
 * further operations keep.
 *
 * @param high the nearest double to the centre
 * @param low the centre minus high
 * @param radius the largest distance of the number from the centre
 */
public record Enclosure(double high, double low, double radius) {

  /** More than all relative rounding errors of one radius. */
  static final double INFLATION = 1 + 0x1p-47;

  /** More than all absolute errors by underflow of one operation. */
  static final double UNDERFLOW = 0x1p-900;

  /** u². */
  static final double SQUARED_ROUNDOFF = 0x1p-106;

  public static final Enclosure ONE = of(1);

  /** The double itself. */
  public static Enclosure of(double exact) {
    return new Enclosure(exact, 0, 0);
  }

  /**
   * The sum of two doubles, with an error of the sum.
   *
   * @param one any double
   * @param other any double
   */
  static Enclosure ofSum(double one, double other, double radius) {
    double sum = one + other;
    // An infinite sum must not keep a finite radius.
    return new Enclosure(sum, sumError(one, other, sum), radius + 0 * sum);
  }

  /** The centre, exactly. */
  public Enclosure centre() {
    return new Enclosure(high, low, 0);
  }

  /** The same centre with a larger radius. */
  public Enclosure widened(double more) {
    return new Enclosure(high, low, (radius + more) * INFLATION);
  }

  /**
   * The value of a function at a number that is only known up to an error, from this value at its
   * centre (mean value theorem).
   *
   * @param slope at least the function's steepest slope between the centre and the number
   * @param distance the largest distance of the number from the centre
   */
  public Enclosure widened(double slope, double distance) {
    return widened(slope * distance + UNDERFLOW);
  }

  /** max(this, 0) for a single number, with radius 0. */
  public Enclosure positivePart() {
    return high <= 0 ? of(0) : this;
  }

  /** A double that no enclosed number is above; NaN if there is no bound. */
  public double upper() {
    return Math.nextUp(Math.nextUp(high) + radius);
  }

  /** A double that no enclosed number is below; NaN if there is no bound. */
  public double lower() {
    return Math.nextDown(Math.nextDown(high) - radius);
  }

  /** A double that no enclosed number's absolute value is above; NaN if there is no bound. */
  public double magnitude() {
    return Math.nextUp(Math.nextUp(Math.abs(high)) + radius);
  }

  /** A double that no enclosed number's absolute value is below; NaN if there is no bound. */
  public double leastMagnitude() {
    return Math.max(0, Math.nextDown(Math.nextDown(Math.abs(high)) - radius));
  }

  /** A bound on the distance of every enclosed number from {@code high}. */
  public double distanceFromHigh() {
    return (Math.abs(low) + radius) * INFLATION;
  }

  /** Returns this + other. */
  public Enclosure plus(Enclosure other) {
    double sum = high + other.high;
    double sumRest = sumError(high, other.high, sum);
    double lowSum = low + other.low;
    double lowRest = sumError(low, other.low, lowSum);
    double carried = sumRest + lowSum;
    double middle = sum + carried;
    double rest = lowRest + (carried - (middle - sum));
    double result = middle + rest;
    return new Enclosure(
        result,
        rest - (result - middle),
        (radius + other.radius + 4 * SQUARED_ROUNDOFF * Math.abs(result)) * INFLATION);
  }

  /** Returns this + other. */
  public Enclosure plus(double other) {
    return plus(of(other));
  }

  /** Returns this − other. */
  public Enclosure minus(Enclosure other) {
    return plus(other.negated());
  }

  /** Returns −this. */
  public Enclosure negated() {
    return new Enclosure(-high, -low, radius);
  }

  /** Returns this · other. */
  public Enclosure times(Enclosure other) {
    double product = high * other.high;
    double rest = Math.fma(high, other.high, -product);
    double mixed = Math.fma(low, other.high, Math.fma(high, other.low, low * other.low));
    double correction = rest + mixed;
    double result = product + correction;
    double a = Math.abs(high);
    double b = Math.abs(other.high);
    return new Enclosure(
        result,
        correction - (result - product),
        (a * other.radius
                    + b * radius
                    + radius * other.radius
                    + 8 * SQUARED_ROUNDOFF * Math.abs(result))
                * INFLATION
            + UNDERFLOW);
  }

  /** Returns this · other. */
  public Enclosure times(double other) {
    return times(of(other));
  }

  /**
   * Returns this / other, from a/b − q = (a − qb)/b for the computed quotient q. The radius is
   * infinite or NaN unless all that other encloses is further than 2⁻¹⁰⁰ from 0.
   */
  public Enclosure dividedBy(Enclosure other) {
    double first = high / other.high;
    double second = centre().minus(of(first).times(other.centre())).high / other.high;
    Enclosure quotient = ofSum(first, second, 0);
    double left = minus(quotient.times(other)).magnitude();
    double least = other.leastMagnitude();
    return least > 0x1p-100
        ? new Enclosure(quotient.high, quotient.low, left / least * INFLATION + UNDERFLOW)
        : new Enclosure(quotient.high, quotient.low, Double.POSITIVE_INFINITY);
  }

  /**
   * Returns √this, from |√x − r| = |x − r²|/(√x + r) ≤ |x − r²|/r for the computed root r. The
   * radius is infinite or NaN unless all enclosed numbers are above 2⁻¹⁰⁰.
   */
  public Enclosure squareRoot() {
    double first = Math.sqrt(high);
    double second = centre().minus(of(first).times(of(first))).high / (2 * first);
    Enclosure root = ofSum(first, second, 0);
    double left = minus(root.times(root)).magnitude();
    return lower() > 0x1p-100
        ? new Enclosure(root.high, root.low, left / root.lower() * INFLATION + UNDERFLOW)
        : new Enclosure(root.high, root.low, Double.POSITIVE_INFINITY);
  }

  /** What is lost of a + b (Knuth's TwoSum, exact for all doubles whose sum is finite). */
  static double sumError(double a, double b, double sum) {
    double ofB = sum - a;
    return (a - (sum - ofB)) + (b - ofB);
  }
}
