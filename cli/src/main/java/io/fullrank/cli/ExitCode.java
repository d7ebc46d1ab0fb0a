package io.fullrank.cli;

/** What the process tells its caller when it ends. */
final class ExitCode {

  /** All went well; for {@code check}: CERTIFIED. */
  static final int OK = 0;

  /** Something failed while it ran. */
  static final int FAILED = 1;

  /** Unusable input or a wrong command line. */
  static final int BAD_INPUT = 2;

  /** {@code check}: the matrix is not of full row rank. */
  static final int REFUTED = 3;

  /** {@code check}: neither could be shown. */
  static final int UNDETERMINED = 4;

  private ExitCode() {}
}
