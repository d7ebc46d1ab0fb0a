package io.fullrank.client.stream;

import io.grpc.Status;
import io.grpc.StatusRuntimeException;

/** What failures of calls mean for whoever would call again. */
public final class Refusals {

  private Refusals() {}

  /**
   * Returns whether the server has understood the call and does not want it, so that there is no
   * use in repeating it.
   */
  public static boolean isRefusal(Status status) {
    return switch (status.getCode()) {
      case INVALID_ARGUMENT,
          NOT_FOUND,
          ALREADY_EXISTS,
          PERMISSION_DENIED,
          UNAUTHENTICATED,
          FAILED_PRECONDITION,
          OUT_OF_RANGE,
          UNIMPLEMENTED ->
          true;
      default -> false;
    };
  }

  /** Returns the status with the description of what lies at its root, in one line. */
  public static Status explained(StatusRuntimeException failed) {
    Status status = failed.getStatus();
    // gRPC says "io exception" where its cause says "Connection refused".
    Throwable root = failed;
    while (root.getCause() != null) {
      root = root.getCause();
    }
    if (root == failed || root.getMessage() == null) {
      return status;
    }
    return status.withDescription(root.getMessage());
  }

  /** Returns what a failed call says to people, in one line. */
  public static String line(Status status) {
    String description = status.getDescription();
    return description == null ? status.getCode().toString() : description.replaceAll("\\s+", " ");
  }
}
