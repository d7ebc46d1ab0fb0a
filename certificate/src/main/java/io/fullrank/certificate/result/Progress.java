package io.fullrank.certificate.result;

/** Is told how far a long computation has come. It may be told from several threads. */
@FunctionalInterface
public interface Progress {

  /** Listens to nothing. */
  Progress NONE = (stage, done, all) -> {};

  /**
   * Is told what has been done of a stage.
   *
   * @param stage its name
   * @param done the amount of work that has been done, in a unit of the stage's own
   * @param all the amount of work that there is
   */
  void report(String stage, double done, double all);
}
