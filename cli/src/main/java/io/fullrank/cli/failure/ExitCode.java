package io.fullrank.cli.failure;

/** What the process tells its caller when it ends. */
public final class ExitCode {

  /** All went well; for {@code check}: CERTIFIED. */
  public static final int OK = 0;

  /** Something failed while it ran. */
  public static final int FAILED = 1;

  /** Unusable input or a wrong command line. */
  public static final int BAD_INPUT = 2;

  /** {@code check}: the matrix is not of full row rank. */
  public static final int REFUTED = 3;

  /** {@code check}: neither could be shown. */
  public static final int UNDETERMINED = 4;

  private ExitCode() {}
}
