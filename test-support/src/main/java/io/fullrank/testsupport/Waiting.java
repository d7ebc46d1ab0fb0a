package io.fullrank.testsupport;

import java.time.Duration;

/** How long tests wait. */
public final class Waiting {

  /**
   * The longest wait for something that must happen: a test that reaches it fails. Long enough for
   * a machine with much else to do, as no test that succeeds waits that long.
   */
  public static final Duration LIMIT = Duration.ofMinutes(3);

  private Waiting() {}
}
