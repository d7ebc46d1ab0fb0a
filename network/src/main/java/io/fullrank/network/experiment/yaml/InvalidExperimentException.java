package io.fullrank.network.experiment.yaml;

/**
 * An experiment that cannot be run as it is written. The message is one line: where, which field,
 * what is wrong, what to do. Fields are named by their path in the experiment file, such as {@code
 * network.widths[1]}, also for specifications that came over gRPC.
 */
public final class InvalidExperimentException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  /** Keeps what strangers send from flooding logs and gRPC status messages. */
  private static final int MAX_LENGTH = 300;

  private final String field;
  private final String problem;

  /** Creates an error in a specification that did not come from a file. */
  public InvalidExperimentException(String field, String problem) {
    this("", field, problem, null);
  }

  /**
   * @param where file and line, or the override
   * @param field the field's path; empty for the experiment as a whole
   */
  public InvalidExperimentException(String where, String field, String problem) {
    this(where, field, problem, null);
  }

  /** Creates an error for a file or override that cannot be read at all. */
  public InvalidExperimentException(String where, String problem, Throwable cause) {
    this(where, "", problem, cause);
  }

  private InvalidExperimentException(String where, String field, String problem, Throwable cause) {
    super(prefix(where) + prefix(oneLine(field)) + oneLine(problem), cause);
    this.field = field;
    this.problem = oneLine(problem);
  }

  /** Returns the field's path in the experiment file; empty for the experiment as a whole. */
  public String field() {
    return field;
  }

  /** Returns what is wrong, without where. */
  public String problem() {
    return problem;
  }

  private static String prefix(String part) {
    return part.isEmpty() ? "" : part + ": ";
  }

  private static String oneLine(String text) {
    String printable = text.replaceAll("\\p{Cntrl}", "?");
    return printable.length() <= MAX_LENGTH ? printable : printable.substring(0, MAX_LENGTH) + "…";
  }
}
