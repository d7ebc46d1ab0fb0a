package io.fullrank.proto;

/** The names of runs, as the wire contract has them. */
public final class RunName {

  /**
   * The most characters that a run's name has. An exemplar of OpenMetrics has at most 128, and
   * names the run under the label {@code run}.
   */
  public static final int MAX_LENGTH = 125;

  private RunName() {}

  /**
   * Requires that a run can have a name.
   *
   * @throws WireFormatException saying how long the name is, if it is empty or too long
   */
  public static void require(String run) throws WireFormatException {
    if (run.isEmpty() || run.length() > MAX_LENGTH) {
      throw new WireFormatException(
          WireFormatException.Fault.UNPARSEABLE,
          "the run's name has %d characters instead of 1 to %d"
              .formatted(run.length(), MAX_LENGTH));
    }
  }
}
