package io.fullrank.network.data.sample;

/**
 * A data set that cannot be loaded as the experiment asks. The message is one line: which file,
 * what is wrong, what to do.
 */
public final class DataSetException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  /**
   * @param message one line for the user
   */
  public DataSetException(String message) {
    super(message);
  }

  /**
   * @param message one line for the user
   * @param cause what the file system or the decoder reported
   */
  public DataSetException(String message, Throwable cause) {
    super(message, cause);
  }
}
